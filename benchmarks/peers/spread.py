"""Fewer files than there are, of all kinds alike."""

from collections.abc import Sequence
from typing import TypeVar

File = TypeVar("File")


def spread(files: Sequence[File], count: int) -> list[File]:
    """So many files, or all, at even distances: sets are sorted by size or by class.

    Args:
        files: in the order of the set.
        count: at least 1.
    """
    fewer = min(count, len(files))
    return [files[number * len(files) // fewer] for number in range(fewer)]
