"""Rows that an earlier run wrote: read back, checked, and excluded from the scan.

A run can be cut off at any byte, and after a power cut the last blocks of a file can read as zeros.
The whole rows before the first such place are kept. Any other line that is not a row means that the
file belongs to another program; then it stays unchanged.

Rows are in the order of the walk, and that order depends on names alone. So kept rows and found
files are compared side by side, in constant memory. Only if the tree has changed in between, the
rest of the kept paths is held, in eight bytes for each.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..choices import Mark, RowFormat
from ..errors import OutputError
from ..system.descriptors import read_at
from .lines import NotRowsError, parsed_lines, placed_rows, whole_lines
from .rows import COLUMNS, Columns, header, names_of, unescape_path
from .stamps import fingerprint, fingerprints

_PATH, _VERDICT = COLUMNS.index("path"), COLUMNS.index("verdict")
_ORIGIN = names_of(Columns.WITH_PROVENANCE).index("origin")


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Whole rows at the beginning of a file.

    Attributes:
        start: bytes of the header, a byte order mark included.
        size: bytes of these rows and the header.
        verdicts: number of rows with each verdict; the empty text is for rows without one.
        origins: number of rows with each pair of origin and verdict; empty without provenance.
    """

    start: int = 0
    size: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    origins: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, values: Sequence[str]) -> None:
        """Count one more row by its values."""
        self.verdicts[values[_VERDICT]] += 1
        if len(values) > _ORIGIN:
            self.origins[values[_ORIGIN], values[_VERDICT]] += 1


def kept_rows(
    descriptor: int,
    path: str,
    row_format: RowFormat,
    columns: Columns = Columns.USUAL,
    may_stay: Callable[[bytes], bool] | None = None,
) -> KeptRows:
    """Return the rows of a file that can be kept.

    Args:
        descriptor: open for reading; its position is neither used nor moved.
        path: path of the file in messages.
        columns: columns that its rows should have.
        may_stay: returns whether a row with this path is kept; the first that is not ends them.
            ``None`` keeps all.

    Raises:
        OutputError: the file cannot be read, or holds anything but rows of a scan.
    """
    try:
        start = size_of_header(descriptor, row_format, columns)
        if start is None:
            return KeptRows()
        size, counted = start, KeptRows()
        lines = whole_lines(descriptor, start, os.fstat(descriptor).st_size)
        for line, values in parsed_lines(lines, row_format, columns):
            if may_stay is not None and not may_stay(unescape_path(values[_PATH])):
                break
            size += len(line)
            counted.count(values)
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error
    except NotRowsError as error:
        raise OutputError(
            f"{path} does not hold rows of this version ({error}); "
            "choose another name, or replace it with --force"
        ) from error
    return replace(counted, start=start, size=size)


def size_of_header(descriptor: int, row_format: RowFormat, columns: Columns) -> int | None:
    """Return the bytes of a file's header, with a mark or without; ``None`` for a torn one."""
    for mark in Mark:
        first = header(row_format, columns, mark)
        start = read_at(descriptor, len(first), 0).partition(b"\0")[0]
        if first.startswith(start):
            return len(first) if start == first else None
    raise NotRowsError("its header differs")


def kept_paths(
    descriptor: int, kept: KeptRows, row_format: RowFormat, columns: Columns = Columns.USUAL
) -> Iterator[bytes]:
    """Yield the paths of kept rows, in their order.

    Args:
        descriptor: as for ``kept_rows``; it may be closed after the first path.
        kept: kept rows of the file; rows that were added later are not read.

    Raises:
        OutputError: the file can no longer be read.
    """
    own = os.dup(descriptor)
    try:
        for _, _, values in placed_rows(own, kept.start, kept.size, row_format, columns):
            yield unescape_path(values[_PATH])
    finally:
        os.close(own)


class PathSet:
    """Set of paths in eight bytes for each.

    The fingerprints have a secret key, so a file name cannot be made to look like another.
    """

    def __init__(self, paths: Iterable[bytes]) -> None:
        self._key = os.urandom(16)
        self._sorted = fingerprints(paths, self._key)
        self._sorted.sort()

    def __contains__(self, path: bytes) -> bool:
        """Return whether a path is among them, or, very rarely, has the fingerprint of one."""
        value = np.uint64(fingerprint(path, self._key))
        place = int(self._sorted.searchsorted(value))
        return place < len(self._sorted) and bool(self._sorted[place] == value)
