"""Rows that an earlier run wrote: read back, checked, and excluded from the scan.

A run can be cut off at any byte, and after a power cut the last blocks of a file can read as zeros.
The whole rows before the first such place are kept. Any other line that is not a row means that the
file belongs to another program; then it stays unchanged.

Rows are in the order of the walk, and that order depends on names alone. So kept rows and found
files are compared side by side, in constant memory. Only if the tree has changed in between, the
rest of the kept paths is held, in eight bytes for each.
"""

import csv
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from ..choices import Mark, RowFormat
from ..errors import OutputError
from ..results import FileStatus, VerdictLabel
from ..system.descriptors import read_at
from .rows import COLUMNS, Columns, header, names_of, unescape_path

_BLOCK = 1 << 20
_LONGEST_FIELD = 1 << 24
"""Longest field in characters; Python's own limit of 131,072 is too short for the deepest trees."""

_LONGEST_LINE = 1 << 24
"""Longest line in bytes; a longer one is not a row, torn or not."""

_STATUSES = frozenset(status.value for status in FileStatus)
_VERDICTS = frozenset(["", *(label.value for label in VerdictLabel)])
_PATH, _STATUS, _VERDICT = (COLUMNS.index(name) for name in ("path", "status", "verdict"))
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
        row_format: format of the file.
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
        end = os.fstat(descriptor).st_size
        for line, values in _rows(descriptor, size, end, row_format, columns):
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
        row_format: format of the file.
        columns: columns of its rows.

    Raises:
        OutputError: the file can no longer be read.
    """
    own = os.dup(descriptor)
    try:
        for _, _, values in placed_rows(own, kept.start, kept.size, row_format, columns):
            yield unescape_path(values[_PATH])
    finally:
        os.close(own)


def placed_rows(
    descriptor: int,
    start: int,
    end: int,
    row_format: RowFormat,
    columns: Columns = Columns.USUAL,
) -> Iterator[tuple[int, int, Sequence[str]]]:
    """Yield the rows between two places in a file: the place and size of each, and its values.

    Values are texts in the order of the columns, empty for nothing.

    Raises:
        OutputError: the file can no longer be read.
    """
    for line, values in lines_of_rows(descriptor, start, end, row_format, columns):
        yield start, len(line), values
        start += len(line)


def lines_of_rows(
    descriptor: int,
    start: int,
    end: int,
    row_format: RowFormat,
    columns: Columns = Columns.USUAL,
    block: int = _BLOCK,
) -> Iterator[tuple[bytes, Sequence[str]]]:
    """Yield the rows between two places in a file: the bytes of each line, and its values.

    Args:
        descriptor: open for reading; its position is neither used nor moved.
        start: first byte.
        end: byte after the last.
        row_format: format of the file.
        columns: columns of its rows.
        block: bytes that are read at a time.

    Raises:
        OutputError: the file can no longer be read.
    """
    try:
        yield from _rows(descriptor, start, end, row_format, columns, block)
    except (OSError, NotRowsError) as error:
        raise OutputError(f"the kept rows changed while they were read: {error}") from error


class PathSet:
    """Set of paths in eight bytes for each.

    The fingerprints have a secret key, so a file name cannot be made to look like another.
    """

    def __init__(self, paths: Iterable[bytes]) -> None:
        self._key = secrets.token_bytes(16)
        self._sorted = np.fromiter((self._of(path) for path in paths), np.uint64)
        self._sorted.sort()

    def __contains__(self, path: bytes) -> bool:
        """Return whether a path is among them, or, very rarely, has the fingerprint of one."""
        value = np.uint64(self._of(path))
        place = int(self._sorted.searchsorted(value))
        return place < len(self._sorted) and bool(self._sorted[place] == value)

    def _of(self, path: bytes) -> int:
        return int.from_bytes(blake2b(path, digest_size=8, key=self._key).digest())


class NotRowsError(Exception):
    """A line is not a row; the text names the line."""


def parsed_lines(
    lines: Iterator[bytes], row_format: RowFormat, columns: Columns
) -> Iterator[tuple[bytes, Sequence[str]]]:
    """Yield lines with their values: texts in the order of the columns, empty for nothing.

    Raises:
        NotRowsError: a line is not a row.
    """
    number, names = 0, names_of(columns)
    is_csv = row_format is RowFormat.CSV
    try:
        parsed = _parsed_csv(lines) if is_csv else _parsed_json(lines, names)
        for number, (line, values) in enumerate(parsed, 1):
            if (
                len(values) != len(names)
                or values[_STATUS] not in _STATUSES
                or values[_VERDICT] not in _VERDICTS
            ):
                raise NotRowsError(f"line {number} is not a row")
            yield line, values
    except (ValueError, TypeError, csv.Error, RecursionError) as error:
        raise NotRowsError(f"line {number + 1} is not a row") from error


def _rows(
    descriptor: int,
    start: int,
    end: int,
    row_format: RowFormat,
    columns: Columns,
    block: int = _BLOCK,
) -> Iterator[tuple[bytes, Sequence[str]]]:
    """Return the rows between two places in a file: each line, and its values."""
    lines = _whole_lines(descriptor, start, end, block)
    return parsed_lines(lines, row_format, columns)


def _whole_lines(descriptor: int, start: int, end: int, most: int) -> Iterator[bytes]:
    """Yield lines with their line feed, up to the first that is torn or holds a NUL."""
    rest = b""
    while block := read_at(descriptor, min(most, max(0, end - start)), start):
        start += len(block)
        *lines, rest = (rest + block).split(b"\n")
        if b"\0" in block:
            lines = lines[: next((i for i, line in enumerate(lines) if b"\0" in line), len(lines))]
            start = end
        yield from (line + b"\n" for line in lines)
        if len(rest) > _LONGEST_LINE:
            raise NotRowsError("a line has no end")


def _parsed_csv(lines: Iterator[bytes]) -> Iterator[tuple[bytes, Sequence[str]]]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    line = b""

    def texts() -> Iterator[str]:
        nonlocal line
        for line in lines:
            yield line.decode()

    reader = csv.reader(texts(), strict=True)
    for number, values in enumerate(reader, 1):
        if reader.line_num != number or not line.endswith(b"\r\n"):
            raise ValueError("a row is not a line")
        yield line, values


def _parsed_json(
    lines: Iterator[bytes], names: tuple[str, ...]
) -> Iterator[tuple[bytes, Sequence[str]]]:
    for line in lines:
        values = json.loads(line)
        if not isinstance(values, dict) or tuple(values) != names:
            raise ValueError("other columns")
        if not isinstance(values["path"], str):
            raise TypeError("a path is not a text")
        yield line, ["" if value is None else str(value) for value in values.values()]
