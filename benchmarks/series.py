"""Figures that are taken several times, by turns."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def interleaved(repeats: int, takes: Mapping[Key, Callable[[], Value]]) -> dict[Key, list[Value]]:
    """Take each figure once, then each again, so that a busy moment of the machine hits all.

    Every second round runs backwards, so that nobody always follows the same neighbour.

    Args:
        repeats: rounds.
        takes: what takes one figure, by name.
    """
    taken: dict[Key, list[Value]] = {key: [] for key in takes}
    for number in range(repeats):
        order = list(takes) if number % 2 == 0 else list(takes)[::-1]
        for key in order:
            taken[key].append(takes[key]())
    return taken


def median(values: Sequence[float]) -> float:
    """The middle of several figures."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """Largest less smallest, as a share of the median."""
    return (max(values) - min(values)) / median(values) if median(values) else 0.0
