"""What can be measured, and what of it one command measures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..names import CPU
from ..settings import Settings
from . import (
    accuracy_part,
    cores_part,
    decoder_part,
    fidelity_part,
    growth_part,
    peer_part,
    stage_part,
    start_part,
    tuning_part,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        measure: takes its figures.
        is_usual: whether it is measured when nobody says what.
        is_on_cpu: whether it measures the CPU whatever the device is.
        times: how often it takes each figure in one repeat; 0 where it is always taken once,
            because nothing about it varies.
    """

    measure: Callable[[Settings], Json]
    is_usual: bool = True
    is_on_cpu: bool = False
    times: int = 1

    def repeats(self, settings: Settings) -> int:
        """How often it takes each figure."""
        return max(1, self.times * settings.counts.repeats)


PARTS = {
    "peers": Part(peer_part.measure),
    "stages": Part(stage_part.measure),
    "start": Part(start_part.measure, times=start_part.MORE_REPEATS),
    "cores": Part(cores_part.measure, is_on_cpu=True),
    "growth": Part(growth_part.measure),
    "accuracy": Part(accuracy_part.measure, times=0),
    "decoders": Part(decoder_part.measure, is_on_cpu=True),
    # The one changes with the models alone, and the other asks what has been settled.
    "fidelity": Part(fidelity_part.measure, is_usual=False, times=0),
    "tuning": Part(tuning_part.measure, is_usual=False, is_on_cpu=True),
}
"""By name, in the order in which they are measured."""


def chosen_parts(
    only: Sequence[str], skip: Sequence[str], *, everything: bool, device: str
) -> list[str]:
    """The names of what is measured.

    Args:
        only: these; empty for the usual ones.
        skip: none of these.
        everything: take all instead of the usual ones.
        device: where the models run.

    Raises:
        ValueError: what was asked for cannot run on the device.
    """
    able = [name for name, part in PARTS.items() if device == CPU or not part.is_on_cpu]
    refused = [name for name in only if name in PARTS and name not in able]
    if refused:
        raise ValueError(f"these measure the CPU, and not '{device}': {', '.join(refused)}")
    usual = [name for name in able if everything or PARTS[name].is_usual]
    return [name for name in only or usual if name in PARTS and name not in skip]
