"""Where a training starts from: ImageNet, a file, a smaller network, a mean of them, or nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import timm
from torch import Tensor

from trustthepixels.infer.errors import InputError

from .architectures import SLIM_ARCHITECTURES, slimmed
from .average import Part, average
from .grow import idle_tensors, load_or_grow
from .network import Classifier
from .weights import read_state

IMAGENET = "imagenet"
RANDOM = "random"


def initialise(network: Classifier, source: str, average_with: Sequence[str] = ()) -> str:
    """Set the starting weights.

    Args:
        network: changed in place.
        source: ``imagenet`` (timm's pretrained weights, from a hub), ``random``, or a file: a
            safetensors file, a checkpoint or a state dict of the same ResNet or of a shallower one,
            and for ``resnet16_slim`` and its like of a ResNet18.
        average_with: further sources, see ``average``; the last layer is that of ``source``.

    Returns:
        One line that says what was done.

    Raises:
        InputError: the hub cannot be reached, or a file cannot be used.
    """
    description, new_blocks = _load(network, source)
    if not average_with:
        return description
    described, parts = [description], [_part(network, new_blocks)]
    for each in average_with:
        other = Classifier(network.architecture, (network.mean, network.std))
        description, new_blocks = _load(other, each, like=network.backbone.state_dict())
        described.append(description)
        parts.append(_part(other, new_blocks))
    network.backbone.load_state_dict(average(parts))
    return " averaged with ".join(described)


def _part(network: Classifier, new_blocks: list[str]) -> Part:
    backbone = network.backbone
    return Part(backbone.state_dict(), idle_tensors(backbone, new_blocks))


def _load(
    network: Classifier, source: str, like: Mapping[str, Tensor] | None = None
) -> tuple[str, list[str]]:
    """Set the weights of one source; what was done, and the blocks that stay at identity.

    For ``like`` see ``slimmed``.
    """
    if source == RANDOM:
        return "random weights", []
    if source == IMAGENET:
        try:
            pretrained = timm.create_model(network.architecture, pretrained=True)
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"cannot fetch ImageNet weights for {network.architecture} from the hub; "
                f"give a local file in place of {IMAGENET}, or start with --init {RANDOM}"
            ) from error
        load_or_grow(network.backbone, pretrained.state_dict())
        return f"timm's ImageNet weights of {network.architecture}", []
    path = Path(source)
    state = read_state(path)
    if network.architecture in SLIM_ARCHITECTURES:
        state = slimmed(state, like)
    new_blocks = load_or_grow(network.backbone, state)
    if new_blocks:
        return f"{path.name}, grown: {len(new_blocks)} new blocks at identity", new_blocks
    return path.name, []
