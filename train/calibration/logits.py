"""Logits of a network for labelled pictures, in float32."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from trustthepixels.infer.images.pixels import PixelArray

from ..arrays import FloatArray
from ..data.manifest import Sample
from ..networks.network import Classifier
from ..pictures.batches import See, in_batches

_BATCH_SIZE = 64


def answers_of(network: Classifier, device: str) -> Callable[[PixelArray], FloatArray]:
    """Move a network to a device; return a function from pixels to logits, (n, 2) on the CPU.

    Args:
        network: changed in place, to evaluation.
        device: ``cuda`` or ``cpu``.
    """
    network.eval().to(device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def answer(images: PixelArray) -> FloatArray:
        logits: FloatArray = network(torch.from_numpy(images).to(device)).float().cpu().numpy()
        return logits

    return answer


def score(network: Classifier, samples: Sequence[Sample], see: See, device: str) -> FloatArray:
    """Return logits, (n, 2); those of several views are averaged.

    Args:
        network: network; moved to the device.
        samples: pictures to score.
        see: returns the views of a picture, always equally many.
        device: ``cuda`` or ``cpu``.

    Raises:
        InputError: a picture cannot be used.
    """
    answer = answers_of(network, device)
    found = [np.empty((0, 2), np.float32)]
    for batch in in_batches(samples, see, _BATCH_SIZE):
        logits = answer(np.stack([view for views in batch for view in views]))
        found.append(logits.reshape(len(batch), -1, 2).mean(axis=1))
    return np.concatenate(found)
