"""Two networks under one last layer: a tower sees the whole picture, a ResNet a part of it.

The whole shows what is in a picture. The part shows its pixels as they are stored, with the traces
that resampling takes away.
"""

from typing import Any

import timm
import torch
from timm.data import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from timm.models import generate_default_cfgs, register_model
from torch import Tensor, nn

from trustthepixels.infer.images.shape import View
from trustthepixels.infer.model.spec import IMAGENET_MEAN, IMAGENET_STD

from .stage_resnet import StageResNet
from .stage_vit import StageViT

PARTS = ("whole.", "part.")
"""Prefixes of the names of the two networks' weights."""


class StageViews(nn.Module):
    """A last layer on the stages of two networks, one for each view.

    Weights have the names of the two networks, behind ``whole.`` and ``part.``.

    Args:
        whole: sees the whole picture; its last layer goes.
        part: sees the part, with ImageNet's normalisation; its last layer goes.
        num_classes: size of the output.

    Attributes:
        views: views of a picture, in the order of the arguments of ``forward``.
    """

    views = (View.WHOLE, View.PART)
    rescale: Tensor
    shift: Tensor

    def __init__(self, whole: StageViT, part: StageResNet, num_classes: int) -> None:
        super().__init__()
        self.whole, self.part = whole, part
        self.fc = nn.Linear(_without_last_layer(whole) + _without_last_layer(part), num_classes)
        # Both views come normalised as CLIP's pictures are.
        means, stds, wanted_means, wanted_stds = (
            torch.tensor(values, dtype=torch.float64).reshape(1, 3, 1, 1)
            for values in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, IMAGENET_MEAN, IMAGENET_STD)
        )
        rescale, shift = stds / wanted_stds, (means - wanted_means) / wanted_stds
        self.register_buffer("rescale", rescale.float(), persistent=False)
        self.register_buffer("shift", shift.float(), persistent=False)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.fc

    def forward(self, whole: Tensor, part: Tensor) -> Tensor:
        """Return logits, float (batch, classes), of normalised views."""
        logits: Tensor = self.fc(self.forward_features(whole, part))
        return logits

    def forward_features(self, whole: Tensor, part: Tensor) -> Tensor:
        """Return the input of the last layer, float32 (batch, statistics of both networks).

        Args:
            whole: normalised pixels, (batch, 3, height, width).
            part: the same, of the part.
        """
        # The export's checks take the whole's convolution for the first one.
        seen = [self.whole.forward_features(whole)]
        seen.append(self.part.forward_features(part * self.rescale + self.shift))
        return torch.cat(seen, dim=1)


def _without_last_layer(network: StageViT | StageResNet) -> int:
    """Take a network's last layer away; return the number of its inputs."""
    # Any: nn.Module does not declare its parts.
    layer: Any = network.fc
    network.fc = nn.Identity()
    inputs: int = layer.in_features
    return inputs


_NORMALISATION = {"mean": OPENAI_CLIP_MEAN, "std": OPENAI_CLIP_STD}

default_cfgs = generate_default_cfgs(
    {
        "clip_vit_b16_stages_and_part.openai": _NORMALISATION,
        "clip_vit_b16_early_stages_and_part.openai": _NORMALISATION,
    }
)
"""Normalisation of both views; timm looks for it under this name."""


@register_model
def clip_vit_b16_stages_and_part(
    pretrained: bool = False, num_classes: int = 1000, **_options: Any
) -> nn.Module:
    """Return ``clip_vit_b16_stages`` on the whole, joined with ``resnet18_stages`` on the part.

    Args:
        pretrained: start from OpenAI's and timm's weights, from timm's hub.
        num_classes: size of the output.
    """
    return _joined("clip_vit_b16_stages", pretrained, num_classes)


@register_model
def clip_vit_b16_early_stages_and_part(
    pretrained: bool = False, num_classes: int = 1000, **_options: Any
) -> nn.Module:
    """Return ``clip_vit_b16_early_stages``, joined in the same way, with the same arguments."""
    return _joined("clip_vit_b16_early_stages", pretrained, num_classes)


def _joined(tower: str, pretrained: bool, num_classes: int) -> StageViews:
    whole: Any = timm.create_model(tower, pretrained=pretrained)
    part: Any = timm.create_model("resnet18_stages", pretrained=pretrained)
    return StageViews(whole, part, num_classes)
