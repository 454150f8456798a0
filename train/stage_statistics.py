"""What a ResNet's stages say of a picture: mean and deviation of every channel of each stage.

Early stages see grain, edges and colours, late ones see things; a linear layer on all of them is
the cheapest detector that can use both.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.preprocess import PixelArray

from .hardware import PrecisionName
from .network import Classifier

Features = npt.NDArray[np.float32]

_PARTS = ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4")


@torch.inference_mode()
def stage_statistics(
    network: Classifier, shown: Iterable[Sequence[PixelArray]], precision: PrecisionName
) -> Features:
    """Mean and deviation of each channel, stage by stage, float32 (n, features).

    Args:
        network: a ResNet; set to evaluation mode and moved to the GPU where there is one.
        shown: batches of views, uint8 of one shape.
        precision: of the arithmetic.

    Raises:
        UsageError: the network is no ResNet.
    """
    if not all(hasattr(network.backbone, part) for part in _PARTS):
        raise UsageError(f"{network.architecture} is no ResNet with plain stages")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.eval().to(device).to(memory_format=torch.channels_last)
    found = []
    with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed"):
        for views in shown:
            images = torch.from_numpy(np.stack(views)).to(device)
            found.append(_statistics(network, images).cpu().numpy())
    return np.concatenate(found)


def _statistics(network: Classifier, images: Tensor) -> Tensor:
    backbone: Any = network.backbone
    maps = images.permute(0, 3, 1, 2).float() * network.scale + network.shift
    maps = maps.contiguous(memory_format=torch.channels_last)
    maps = backbone.act1(backbone.bn1(backbone.conv1(maps)))
    stages = [maps]
    maps = backbone.maxpool(maps)
    for stage in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4):
        maps = stage(maps)
        stages.append(maps)
    values = [stage.float().flatten(2) for stage in stages]
    return torch.cat(
        [part for one in values for part in (one.mean(2), one.std(2, correction=0))], dim=1
    )
