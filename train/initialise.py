"""Where a training starts from: ImageNet, a file, a smaller network, or nothing."""

from pathlib import Path

import timm

from trustthepixels.infer.errors import InputError

from .architectures import SLIM_ARCHITECTURES, slimmed
from .grow import load_or_grow
from .network import Classifier
from .weights import read_state

IMAGENET = "imagenet"
RANDOM = "random"


def initialise(network: Classifier, source: str) -> str:
    """Set the starting weights.

    Args:
        network: changed in place.
        source: ``imagenet`` (timm's pretrained weights, from a hub), ``random``, or a file: a
            safetensors file, a checkpoint or a state dict of the same ResNet or of a shallower one,
            and for ``resnet16_slim`` and its like of a ResNet18.

    Returns:
        One line that says what was done.

    Raises:
        InputError: the hub cannot be reached, or the file cannot be used.
    """
    if source == RANDOM:
        return "random weights"
    if source == IMAGENET:
        try:
            pretrained = timm.create_model(network.architecture, pretrained=True)
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"cannot fetch ImageNet weights for {network.architecture} from the hub; "
                "give a local file with --init FILE, or start from nothing with --init random"
            ) from error
        load_or_grow(network.backbone, pretrained.state_dict())
        return f"timm's ImageNet weights of {network.architecture}"
    path = Path(source)
    state = read_state(path)
    if network.architecture in SLIM_ARCHITECTURES:
        state = slimmed(state)
    new_blocks = load_or_grow(network.backbone, state)
    if new_blocks:
        return f"{path.name}, grown: {len(new_blocks)} new blocks at identity"
    return path.name
