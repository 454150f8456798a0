"""A ResNet whose last layer sees every stage, not the last one alone.

Early stages see grain, edges and colours, late ones see things. Traces of a generator are in the
former; a layer on the mean and deviation of every channel of every stage can use both.
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
"""Inputs of the last layer."""

_SMALLEST_VARIANCE = 1e-6
"""Keeps the slope of the root finite where a channel is the same everywhere."""


class StageResNet(ResNet):
    """timm's ResNet of basic blocks with a last layer on ``stage_statistics``.

    Weights have timm's names and shapes, but for those of ``fc``.

    Args:
        layers: blocks of each stage.
        num_classes: size of the output.
        options: as timm's ``ResNet`` takes them.
    """

    def __init__(self, layers: tuple[int, int, int, int], num_classes: int, **options: Any) -> None:
        # timm's own annotation asks for an instance.
        block: Any = BasicBlock
        super().__init__(block, layers, num_classes=num_classes, **options)
        self.fc = nn.Linear(STAGE_FEATURES, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """What the last layer gets, float32 (batch, ``STAGE_FEATURES``).

        Args:
            x: normalised pixels, (batch, 3, height, width).
        """
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        # Any, because nn.Module does not declare its parts.
        stages: tuple[Any, ...] = (self.layer1, self.layer2, self.layer3, self.layer4)
        found = []
        for stage in stages:
            x = stage(x)
            found.append(_mean_and_deviation(x.float()))
        return torch.cat(found, dim=1)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits of features, float (batch, classes); the features where ``pre_logits``."""
        # Any, because timm declares the layer as whatever a module can hold.
        layer: Any = self.fc
        logits: Tensor = x if pre_logits else layer(x)
        return logits


def _mean_and_deviation(maps: Tensor) -> Tensor:
    """Of each channel, (batch, 2 * channels)."""
    # Means along one axis, because ONNX Runtime orders a sum over two by the size of the batch.
    values = maps.flatten(2)
    mean = values.mean(dim=2, keepdim=True)
    centred = values - mean
    # A product, because an exported power takes twice its time.
    variance = (centred * centred).mean(dim=2)
    deviation = (variance + _SMALLEST_VARIANCE).sqrt()
    return torch.cat([mean.flatten(1), deviation], dim=1)


@register_model
def resnet18_stages(pretrained: bool = False, num_classes: int = 1000, **options: Any) -> nn.Module:
    """ResNet18 whose last layer sees every stage.

    Args:
        pretrained: start from timm's ImageNet weights of ResNet18, all but the last layer.
        num_classes: size of the output.
        options: as timm's ``ResNet`` takes them.
    """
    return _with_stages("resnet18", pretrained, num_classes, options)


@register_model
def resnet18_fine_stages(
    pretrained: bool = False, num_classes: int = 1000, **options: Any
) -> nn.Module:
    """The same without the max-pool after the first layer: every stage sees twice the detail.

    It takes four times the time. For the arguments see ``resnet18_stages``.
    """
    network: Any = _with_stages("resnet18", pretrained, num_classes, options)
    network.maxpool = nn.Identity()
    module: nn.Module = network
    return module


@register_model
def resnet16_slim_stages(
    pretrained: bool = False, num_classes: int = 1000, **options: Any
) -> nn.Module:
    """``architectures.resnet16_slim`` with such a layer; for the arguments see there."""
    network = _with_stages("resnet18", pretrained, num_classes, options)
    slim_last_stage(network)
    return network


@register_model
def resnet34_stages(pretrained: bool = False, num_classes: int = 1000, **options: Any) -> nn.Module:
    """ResNet34 whose last layer sees every stage; for the arguments see ``resnet18_stages``."""
    return _with_stages("resnet34", pretrained, num_classes, options)


_LAYERS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


def _with_stages(
    name: str, pretrained: bool, num_classes: int, options: Mapping[str, Any]
) -> StageResNet:
    own = {key: value for key, value in options.items() if key not in _BOOKKEEPING}
    network = StageResNet(_LAYERS[name], num_classes, **own)
    if pretrained:
        state = timm.create_model(name, pretrained=True, num_classes=0).state_dict()
        network.load_state_dict(state, strict=False)
    return network


_BOOKKEEPING = frozenset({"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"})
"""What timm hands every maker of networks, for its own use."""
