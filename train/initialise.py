"""Where a training starts from: ImageNet, a file, a smaller network, a mean of them, or nothing."""

from collections.abc import Sequence
from pathlib import Path

import timm

from trustthepixels.infer.errors import InputError

from .architectures import SLIM_ARCHITECTURES, slimmed
from .average import Start, average
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
    described, starts = [], []
    for each in (source, *average_with):
        one = Classifier(network.architecture, (network.mean, network.std))
        description, new_blocks = _load(one, each)
        described.append(description)
        starts.append(Start(one.backbone.state_dict(), idle_tensors(one.backbone, new_blocks)))
    network.backbone.load_state_dict(average(starts))
    return " averaged with ".join(described)


def _load(network: Classifier, source: str) -> tuple[str, list[str]]:
    """Set the weights of one source; what was done, and the blocks that stay at identity."""
    if source == RANDOM:
        return "random weights", []
    if source == IMAGENET:
        try:
            pretrained = timm.create_model(network.architecture, pretrained=True)
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"cannot fetch ImageNet weights for {network.architecture} from the hub; "
                "give a local file with --init FILE, or start from nothing with --init random"
            ) from error
        load_or_grow(network.backbone, pretrained.state_dict())
        return f"timm's ImageNet weights of {network.architecture}", []
    path = Path(source)
    state = read_state(path)
    if network.architecture in SLIM_ARCHITECTURES:
        state = slimmed(state)
    new_blocks = load_or_grow(network.backbone, state)
    if new_blocks:
        return f"{path.name}, grown: {len(new_blocks)} new blocks at identity", new_blocks
    return path.name, []
