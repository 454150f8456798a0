"""The mean of several starting weights: of fine-tuned ones and of those they were tuned from.

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
class Start:
    """The complete state of a network.

    Attributes:
        state: tensors by timm's names.
        idle: names of tensors without a part in the outputs, see ``grow.idle_tensors``.
    """

    state: Mapping[str, Tensor]
    idle: AbstractSet[str] = frozenset()


def average(starts: Sequence[Start]) -> dict[str, Tensor]:
    """Equal shares of each in every tensor, but for those that it has idle.

    The last layer and what is no float are the first one's.

    Args:
        starts: at least one, all of one architecture.
    """
    return {name: _mean(name, starts) for name in starts[0].state}


def _mean(name: str, starts: Sequence[Start]) -> Tensor:
    own = starts[0].state[name]
    counted = [start.state[name] for start in starts if name not in start.idle]
    if name.startswith(HEADS) or not own.is_floating_point() or not counted:
        return own
    return torch.stack(counted).mean(dim=0)
