"""The mean of several networks: of a fine-tuned one and of what it was tuned from.

Halfway between the two a network keeps most of what it was taught and forgets less of what it knew
before, which helps on pictures from elsewhere (WiSE-FT, Wortsman et al. 2022).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import torch
from torch import Tensor

from .grow import HEADS


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The complete state of one network that takes part.

    Attributes:
        state: tensors by timm's names.
        idle: names of tensors without a part in the outputs, see ``grow.idle_tensors``.
    """

    state: Mapping[str, Tensor]
    idle: AbstractSet[str] = frozenset()


def average(parts: Sequence[Part]) -> dict[str, Tensor]:
    """Each tensor's mean over the networks in which it is not idle, batch norms' statistics too.

    The last layer and what is no float are the first one's.

    Args:
        parts: at least one, all of one architecture.
    """
    return {name: _mean(name, parts) for name in parts[0].state}


def _mean(name: str, parts: Sequence[Part]) -> Tensor:
    own = parts[0].state[name]
    counted = [part.state[name] for part in parts if name not in part.idle]
    if name.startswith(HEADS) or not own.is_floating_point() or not counted:
        return own
    return torch.stack(counted).mean(dim=0)
