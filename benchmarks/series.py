"""Figures that are taken several times, by turns."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def interleaved(repeats: int, takes: Mapping[Key, Callable[[], Value]]) -> dict[Key, list[Value]]:
    """Take each figure once, then each again; a busy moment of the machine then affects all.

    Every second round runs backwards, so no figure always follows the same one.

    Args:
        repeats: number of rounds.
        takes: functions that take one figure, by name.
    """
    taken: dict[Key, list[Value]] = {key: [] for key in takes}
    for number in range(repeats):
        order = list(takes) if number % 2 == 0 else list(takes)[::-1]
        for key in order:
            taken[key].append(takes[key]())
    return taken


def median(values: Sequence[float]) -> float:
    """Return the median of figures."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """Return the largest figure less the smallest, as a share of the median."""
    return (max(values) - min(values)) / median(values) if median(values) else 0.0
