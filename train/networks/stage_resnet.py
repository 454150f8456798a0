"""A ResNet whose last layer sees every stage, not the last one alone.

Early stages see grain, edges and colours; late ones see things. Traces of a generator are in the
early ones. A layer on the mean and deviation of every channel of every stage can use both.
"""

from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from .architectures import slim_last_stage

_WIDTHS = (64, 128, 256, 512)
"""Channels of the stages of a ResNet of basic blocks."""

STAGE_FEATURES = 2 * sum(_WIDTHS)
"""Number of inputs of the last layer."""

_SMALLEST_VARIANCE = 1e-6
"""Lower bound of a variance; it keeps the root's slope finite if a channel is constant."""


class StageResNet(ResNet):
    """timm's ResNet of basic blocks with a last layer on ``stage_statistics``.

    Weights have timm's names and shapes, except those of ``fc``.

    Args:
        layers: blocks of each stage.
        num_classes: size of the output.
        options: options of timm's ``ResNet``.
    """

    def __init__(self, layers: tuple[int, int, int, int], num_classes: int, **options: Any) -> None:
        # timm's own annotation asks for an instance.
        block: Any = BasicBlock
        super().__init__(block, layers, num_classes=num_classes, **options)
        self.fc = nn.Linear(STAGE_FEATURES, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the input of the last layer, float32 (batch, ``STAGE_FEATURES``).

        Args:
            x: normalised pixels, (batch, 3, height, width).
        """
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        # Any: nn.Module does not declare its parts.
        stages: tuple[Any, ...] = (self.layer1, self.layer2, self.layer3, self.layer4)
        found = []
        for stage in stages:
            x = stage(x)
            found.append(_mean_and_deviation(x.float()))
        return torch.cat(found, dim=1)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return logits of features, float (batch, classes); the features if ``pre_logits``."""
        # Any: timm's declaration of the layer is too wide.
        layer: Any = self.fc
        logits: Tensor = x if pre_logits else layer(x)
        return logits


def _mean_and_deviation(maps: Tensor) -> Tensor:
    """Return mean and deviation of each channel, (batch, 2 * channels)."""
    # Means along one axis: in ONNX Runtime, a sum over two depends on the batch size.
    values = maps.flatten(2)
    mean = values.mean(dim=2, keepdim=True)
    centred = values - mean
    # A product: an exported power takes twice the time.
    variance = (centred * centred).mean(dim=2)
    deviation = (variance + _SMALLEST_VARIANCE).sqrt()
    return torch.cat([mean.flatten(1), deviation], dim=1)


@register_model
def resnet18_stages(pretrained: bool = False, num_classes: int = 1000, **options: Any) -> nn.Module:
    """Return a ResNet18 whose last layer sees every stage.

    Args:
        pretrained: start from timm's ImageNet weights of ResNet18, all but the last layer.
        num_classes: size of the output.
        options: options of timm's ``ResNet``.
    """
    return _with_stages("resnet18", pretrained, num_classes, options)


@register_model
def resnet18_fine_stages(
    pretrained: bool = False, num_classes: int = 1000, **options: Any
) -> nn.Module:
    """Return ``resnet18_stages`` without the max-pool: every stage sees twice the detail.

    It takes four times the time. The arguments are those of ``resnet18_stages``.
    """
    network: Any = _with_stages("resnet18", pretrained, num_classes, options)
    network.maxpool = nn.Identity()
    module: nn.Module = network
    return module


@register_model
def resnet16_slim_stages(
    pretrained: bool = False, num_classes: int = 1000, **options: Any
) -> nn.Module:
    """Return ``architectures.resnet16_slim``, with its arguments, and a layer on every stage."""
    network = _with_stages("resnet18", pretrained, num_classes, options)
    slim_last_stage(network)
    return network


@register_model
def resnet34_stages(pretrained: bool = False, num_classes: int = 1000, **options: Any) -> nn.Module:
    """Return a ResNet34 whose last layer sees every stage; arguments as ``resnet18_stages``."""
    return _with_stages("resnet34", pretrained, num_classes, options)


_LAYERS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


def _with_stages(
    name: str, pretrained: bool, num_classes: int, options: Mapping[str, Any]
) -> StageResNet:
    own = {key: value for key, value in options.items() if key not in BOOKKEEPING}
    network = StageResNet(_LAYERS[name], num_classes, **own)
    if pretrained:
        state = timm.create_model(name, pretrained=True, num_classes=0).state_dict()
        network.load_state_dict(state, strict=False)
    return network


BOOKKEEPING = frozenset({"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"})
"""Arguments that timm passes to every maker of networks, for its own use."""
