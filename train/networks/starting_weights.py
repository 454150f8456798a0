"""Starting weights of a training: ImageNet's, a file's, a grown network's, or a mean.

Averaging fine-tuned weights with those before follows WiSE-FT (Wortsman et al. 2022).
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import timm
import torch
from huggingface_hub import constants, get_session
from huggingface_hub import errors as hub_errors
from torch import Tensor

from trustthepixels.infer.errors import InputError, UsageError

from .architectures import SLIM_ARCHITECTURES, slimmed
from .grow import HEADS, idle_tensors, load_or_grow
from .network import Classifier
from .stage_views import PARTS, StageViews
from .stage_vit import StageViT, fitted_tower
from .weights import read_state

IMAGENET = "imagenet"
RANDOM = "random"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Complete state of one network of a mean.

    Attributes:
        state: tensors by timm's names.
        idle: names of tensors without effect on the outputs, see ``idle_tensors``.
    """

    state: Mapping[str, Tensor]
    idle: AbstractSet[str] = frozenset()


def initialise(
    network: Classifier, source: str, average_with: Sequence[str] = (), part_source: str = ""
) -> str:
    """Set the starting weights.

    Args:
        network: network; changed in place.
        source: ``imagenet`` (timm's pretrained weights, from a hub), ``random``, or a file. A file
            is a safetensors file, a checkpoint or a state dict of the same ResNet or of a shallower
            one; for ``resnet16_slim`` and its kind, of a ResNet18; for a tower's first blocks, of
            the whole tower.
        average_with: further sources, see ``average``; the last layer is that of ``source``.
        part_source: file of the network that sees the part; empty if ``source`` has it. Then
            ``source`` is the file of the other one.

    Returns:
        One line that says what was done.

    Raises:
        InputError: the hub cannot be reached, or a file cannot be used.
        UsageError: the network has no such part.
    """
    load = partial(_load_both, part=part_source) if part_source else _load
    description, new_blocks = load(network, source)
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
    """Set the weights of one source; return a description, and the blocks that stay at identity.

    For ``like`` see ``slimmed``.
    """
    if source == RANDOM:
        return "random weights", []
    if source == IMAGENET:
        try:
            with _hub_or_its_cache():
                pretrained = timm.create_model(network.architecture, pretrained=True)
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"cannot fetch ImageNet weights for {network.architecture} from the hub; "
                f"use --init with a local file, or --init {RANDOM}"
            ) from error
        load_or_grow(network.backbone, pretrained.state_dict())
        return f"timm's ImageNet weights of {network.architecture}", []
    path = Path(source)
    state = read_state(path)
    if network.architecture in SLIM_ARCHITECTURES:
        state = slimmed(state, like)
    if isinstance(network.backbone, StageViT):
        state = fitted_tower(state, network.backbone)
    new_blocks = load_or_grow(network.backbone, state)
    if new_blocks:
        return f"{path.name}, grown: {len(new_blocks)} new blocks at identity", new_blocks
    return path.name, []


def _load_both(network: Classifier, whole: str, part: str) -> tuple[str, list[str]]:
    backbone = network.backbone
    if not isinstance(backbone, StageViews):
        raise UsageError(f"{network.architecture} sees no part; leave --part-init out")
    states = (fitted_tower(read_state(Path(whole)), backbone.whole), read_state(Path(part)))
    new_blocks = load_or_grow(
        backbone,
        {
            prefix + name: value
            for prefix, state in zip(PARTS, states, strict=True)
            for name, value in state.items()
            if not name.startswith(HEADS)
        },
    )
    return f"{Path(whole).name} for the whole, {Path(part).name} for the part", new_blocks


def average(parts: Sequence[Part]) -> dict[str, Tensor]:
    """Return each tensor's mean over the networks in which it is not idle, with batch norms'
    statistics.

    The last layer and tensors of integers are those of the first network.

    Args:
        parts: at least one network, all of one architecture.
    """
    return {name: _mean(name, parts) for name in parts[0].state}


def _mean(name: str, parts: Sequence[Part]) -> Tensor:
    own = parts[0].state[name]
    counted = [part.state[name] for part in parts if name not in part.idle]
    if name.startswith(HEADS) or not own.is_floating_point() or not counted:
        return own
    return torch.stack(counted).mean(dim=0)


_HUB_ERRORS: tuple[type[Exception], ...] = (OSError, *hub_errors.HfHubHTTPError.__bases__)
"""Exceptions of the hub's client with either HTTP library."""

_HUB_TIMEOUT = 10.0
"""Seconds for the first answer of the hub."""


@contextmanager
def _hub_or_its_cache() -> Iterator[None]:
    """Ask the hub once whether it is there; if not, use its cache, for its client would retry."""
    was_offline = constants.HF_HUB_OFFLINE
    try:
        if not was_offline:
            get_session().head(constants.ENDPOINT, timeout=_HUB_TIMEOUT)
    except _HUB_ERRORS:
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
