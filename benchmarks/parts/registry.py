"""All parts, and the choice of those that one command measures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..names import CPU
from ..settings import Settings
from . import (
    accuracy_part,
    cores_part,
    decoder_part,
    earlier_part,
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
    """A part of the measurements.

    Attributes:
        measure: function that takes its figures.
        is_usual: true if it is measured by default.
        is_on_cpu: true if it measures the CPU on every device.
        times: number of times that it takes each figure in one repeat; 0 if its figures do not
            vary and are taken once.
    """

    measure: Callable[[Settings], Json]
    is_usual: bool = True
    is_on_cpu: bool = False
    times: int = 1

    def repeats(self, settings: Settings) -> int:
        """Return the number of times that the part takes each figure."""
        return max(1, self.times * settings.counts.repeats)


PEERS, EARLIER_PART = "peers", "earlier"

PARTS = {
    PEERS: Part(peer_part.measure),
    "stages": Part(stage_part.measure),
    "start": Part(start_part.measure, times=start_part.MORE_REPEATS),
    "cores": Part(cores_part.measure, is_on_cpu=True),
    "growth": Part(growth_part.measure),
    "accuracy": Part(accuracy_part.measure, times=0),
    "decoders": Part(decoder_part.measure, is_on_cpu=True),
    # The earlier checkout must be made first.
    EARLIER_PART: Part(earlier_part.measure, is_usual=False),
    # Fidelity changes with the models alone; tuning reopens settled questions.
    "fidelity": Part(fidelity_part.measure, is_usual=False, times=0),
    "tuning": Part(tuning_part.measure, is_usual=False, is_on_cpu=True),
}
"""Parts by name, in the order of measurement."""


def chosen_parts(
    only: Sequence[str], skip: Sequence[str], *, everything: bool, device: str
) -> list[str]:
    """Return the names of the parts to measure.

    Args:
        only: parts to measure; empty for the usual ones.
        skip: parts to leave out.
        everything: take all parts instead of the usual ones.
        device: device on which the models run.

    Raises:
        ValueError: a part of ``only`` cannot run on the device.
    """
    able = [name for name, part in PARTS.items() if device == CPU or not part.is_on_cpu]
    refused = [name for name in only if name in PARTS and name not in able]
    if refused:
        raise ValueError(f"{', '.join(refused)}: not for '{device}'; use --device {CPU}")
    usual = [name for name in able if everything or PARTS[name].is_usual]
    return [name for name in only or usual if name in PARTS and name not in skip]
