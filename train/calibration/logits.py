"""What a network says of labelled pictures, at inference's size and in float32."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from trustthepixels.infer.system.cores import available_cores

from ..data.manifest import Sample
from ..networks.network import Classifier
from ..pictures.dataset import PictureDataset, loader_errors

_BATCH_SIZE = 64


@torch.inference_mode()
def score(
    network: Classifier, samples: Sequence[Sample], size: tuple[int, int], accelerator: str
) -> tuple[Tensor, Tensor]:
    """Logits, float32 of shape (n, 2), and class indices, int64 of shape (n,), on the CPU.

    Args:
        network: moved to the device.
        samples: what to score.
        size: height and width of the network's input.
        accelerator: ``cuda`` or ``cpu``.

    Raises:
        InputError: a picture cannot be used.
    """
    device = torch.device(accelerator)
    network = network.eval().to(device).to(memory_format=torch.channels_last)
    loader = DataLoader(PictureDataset(samples, size), _BATCH_SIZE, num_workers=available_cores())
    logits, targets = [], []
    with loader_errors():
        for images, labels in loader:
            logits.append(network(images.to(device)).cpu())
            targets.append(labels)
    return torch.cat(logits), torch.cat(targets)
