"""Networks that timm does not have, added to its registry."""

from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.models import register_model
from torch import Tensor, nn
from torch.nn import functional as F

SLIM_ARCHITECTURES = ("resnet16_slim", "resnet16_slim_stages")
"""Networks that take the weights of a ResNet18 through ``slimmed``."""

_SLIM_WIDTH = 400
"""Inner channels of the one block of ``resnet16_slim``'s last stage: the most for 6 MB of int8."""


@register_model
def resnet16_slim(pretrained: bool = False, num_classes: int = 1000, **options: Any) -> nn.Module:
    """ResNet18 with one narrower block in its last stage: 5.8 million weights, not 11.2 million.

    Traces of generators are fine texture, which the early stages see; the last stage holds three
    quarters of the weights. Other shapes and names are those of timm's ResNet18.

    Args:
        pretrained: start from timm's ImageNet weights, see ``slimmed``.
        num_classes: size of the output.
        options: options of timm's ``resnet18``.
    """
    network: Any = timm.create_model(
        "resnet18", pretrained=pretrained, num_classes=num_classes, **options
    )
    slim_last_stage(network)
    module: nn.Module = network
    return module


def slim_last_stage(network: Any) -> None:
    """Leave one narrower block in the last stage of a ResNet18, see ``slimmed``.

    Args:
        network: network with timm's names; changed in place.
    """
    state = network.state_dict()
    network.layer4 = nn.Sequential(network.layer4[0])
    block = network.layer4[0]
    block.conv1 = nn.Conv2d(256, _SLIM_WIDTH, 3, stride=2, padding=1, bias=False)
    block.bn1 = nn.BatchNorm2d(_SLIM_WIDTH)
    block.conv2 = nn.Conv2d(_SLIM_WIDTH, 512, 3, padding=1, bias=False)
    network.load_state_dict(slimmed(state))


def slimmed(
    state: Mapping[str, Tensor], like: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Return a ResNet18's state for ``resnet16_slim``; a state that fits already is unchanged.

    Of the last stage's first block, the inner channels with the largest batch norm gains stay
    (network slimming, Liu et al. 2017). Its second block is left out.

    Args:
        state: tensors by timm's names.
        like: state of a slim network. The channels that are most like its own stay, in its order.
    """
    kept = {name: value for name, value in state.items() if not name.startswith("layer4.1.")}
    gain = kept.get("layer4.0.bn1.weight")
    if gain is None or len(gain) <= _SLIM_WIDTH:
        return kept
    if like is None:
        chosen = torch.topk(gain.abs(), _SLIM_WIDTH).indices.sort().values
    else:
        chosen = _most_alike(kept["layer4.0.conv1.weight"], like["layer4.0.conv1.weight"])
    for name in [name for name in kept if name.startswith(("layer4.0.conv1.", "layer4.0.bn1."))]:
        if kept[name].ndim:
            kept[name] = kept[name][chosen]
    kept["layer4.0.conv2.weight"] = kept["layer4.0.conv2.weight"][:, chosen]
    return kept


def _most_alike(filters: Tensor, wanted: Tensor) -> Tensor:
    """Return, for each wanted filter (out, in, height, width), the index of the nearest by
    angle."""
    directions = [F.normalize(one.float().flatten(1), dim=1) for one in (wanted, filters)]
    return (directions[0] @ directions[1].T).argmax(dim=1)
