"""Choice of some files of a set, evenly over all kinds."""

from collections.abc import Sequence
from typing import TypeVar

File = TypeVar("File")


def spread(files: Sequence[File], count: int) -> list[File]:
    """Return ``count`` files, or all, at even distances; sets are sorted by size or by class.

    Args:
        files: files in the order of the set.
        count: number of files, at least 1.
    """
    fewer = min(count, len(files))
    return [files[number * len(files) // fewer] for number in range(fewer)]
