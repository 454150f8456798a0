"""Lines of a file of rows, and their values: each line is checked to be a row."""

import csv
import json
from collections.abc import Iterator, Sequence

from ..choices import RowFormat
from ..errors import OutputError
from ..results import FileStatus, VerdictLabel
from ..system.descriptors import read_at
from .rows import COLUMNS, Columns, names_of

_BLOCK = 1 << 20
_LONGEST_FIELD = 1 << 24
"""Longest field in characters; Python's own limit of 131,072 is too short for the deepest trees."""

_LONGEST_LINE = 1 << 24
"""Longest line in bytes; a longer one is not a row, torn or not."""

_STATUSES = frozenset(status.value for status in FileStatus)
_VERDICTS = frozenset(["", *(label.value for label in VerdictLabel)])
_STATUS, _VERDICT = COLUMNS.index("status"), COLUMNS.index("verdict")


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
        block: bytes that are read at a time.

    Raises:
        OutputError: the file can no longer be read.
    """
    try:
        lines = whole_lines(descriptor, start, end, block)
        yield from parsed_lines(lines, row_format, columns)
    except (OSError, NotRowsError) as error:
        raise OutputError(f"the kept rows changed while they were read: {error}") from error


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


def whole_lines(descriptor: int, start: int, end: int, most: int = _BLOCK) -> Iterator[bytes]:
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
