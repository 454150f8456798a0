"""Statistics of all stages of a network, the input of its last layer.

``stage_resnet``, ``stage_vit`` and ``stage_views`` have such layers.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.results import LABELS

from .hardware import Arithmetic
from .network import Classifier
from .stage_resnet import StageResNet
from .stage_views import StageViews
from .stage_vit import StageViT

Features = npt.NDArray[np.float32]

_SMALLEST_DEVIATION = 1e-5
"""Features are float32 around 1; what deviates less differs by rounding, on some processors."""


@torch.inference_mode()
def stage_statistics(
    network: Classifier, shown: Iterable[Sequence[PixelArray]], arithmetic: Arithmetic
) -> Features:
    """Return mean and deviation of each channel, stage by stage, float32 (n, features).

    Args:
        network: network with stages; set to evaluation mode and moved to the device.
        shown: batches of inputs, uint8 of one shape.
        arithmetic: device and precision.

    Raises:
        UsageError: the network's last layer does not see its stages.
    """
    backbone = staged_backbone(network)
    device = arithmetic.accelerator
    network.eval().to(device).to(memory_format=torch.channels_last)
    found = []
    with arithmetic.autocast():
        for views in shown:
            images = torch.from_numpy(np.stack(views)).to(device)
            features = backbone.forward_features(*network.normalised(images))
            found.append(features.float().cpu().numpy())
    return np.concatenate(found)


def staged_backbone(network: Classifier) -> StageResNet | StageViT | StageViews:
    """Return the backbone of a network whose last layer sees its stages.

    Raises:
        UsageError: the network has no such layer.
    """
    if not isinstance(network.backbone, StageResNet | StageViT | StageViews):
        raise UsageError(
            f"the last layer of {network.architecture} does not see its stages; "
            "use resnet34_stages, resnet18_stages or clip_vit_b16_stages"
        )
    return network.backbone


def scaler_of(features: Features) -> StandardScaler:
    """Return standardisation that leaves features alone which are constant but for rounding."""
    scaler = StandardScaler().fit(features)
    # Rounding, scaled up, would get weights that no half-precision file can hold.
    scaler.scale_[scaler.scale_ < _SMALLEST_DEVIATION] = 1.0
    return scaler


def on_raw_features(
    scaler: StandardScaler, weight: npt.NDArray[np.floating], bias: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return weight and bias of a layer that takes features as they are, not standardised.

    Args:
        scaler: result of ``scaler_of``.
        weight: (units, features), of standardised features.
        bias: (units,).
    """
    raw = weight / scaler.scale_
    return raw, bias - raw @ scaler.mean_


@torch.no_grad()
def split_margin(
    last: nn.Linear, weight: npt.NDArray[np.floating], bias: npt.NDArray[np.floating]
) -> None:
    """Write a margin into a layer of two logits, half of it into each.

    Args:
        last: the layer, changed in place.
        weight: (1, inputs), of the logit of ``ai`` less that of ``real``.
        bias: (1,).
    """
    signs = torch.tensor([0.5 if label == "ai" else -0.5 for label in LABELS])
    last.weight.copy_(signs[:, None] * torch.from_numpy(weight).to(last.weight.dtype))
    last.bias.copy_(signs * torch.from_numpy(bias).to(last.bias.dtype))
