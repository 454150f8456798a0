"""Rows of a scan that ended, read by commands that show, sort or convert them.

The file itself says what it holds: a header of CSV or the keys of its first JSON object. Rows pass
one at a time, so the number of rows costs no memory. The whole file must be rows; a torn end means
that something cut it after the scan.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ..choices import Mark, RowFormat
from ..errors import InputError, OutputError, failing_as
from ..system.descriptors import BINARY, NO_WAIT, read_at
from .lines import lines_of_rows
from .rows import Columns, header, names_of
from .run_identity import RunIdentity, state_path
from .stamps import Stamps, read_stamps

_LONGEST_FIRST_LINE = 1 << 24
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FinishedRows:
    """A file of rows. Made by ``finished_rows``; each iteration reads it from its beginning.

    Attributes:
        path: path of the file.
        row_format: format of the file.
        columns: columns of its rows.
        size: size in bytes.
        time: time of its last change in nanoseconds; no picture that changed later is the one that
            was scanned.
        mark: mark before its header.
    """

    path: str
    row_format: RowFormat
    columns: Columns
    size: int
    time: int
    mark: Mark = Mark.NONE

    def __iter__(self) -> Iterator[Sequence[str]]:
        """Yield the values of each row: texts in the order of ``names``, empty for nothing.

        Raises:
            InputError: the file cannot be read, or holds anything but whole rows.
        """
        for _, values in self.lines():
            yield values

    def measured(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield the size of each row's line in bytes, and its values.

        Raises:
            InputError: the file cannot be read, or holds anything but whole rows.
        """
        for line, values in self.lines():
            yield len(line), values

    @property
    def start(self) -> int:
        """Place of the first row in bytes."""
        return len(header(self.row_format, self.columns, self.mark))

    def lines(
        self, block: int = _BLOCK, start: int | None = None, end: int | None = None
    ) -> Iterator[tuple[bytes, Sequence[str]]]:
        """Yield each row's line, as it stands in the file, and its values.

        Args:
            block: bytes that are read and held at a time.
            start: place of the first row in bytes; ``None`` for the first of all.
            end: place behind the last row; ``None`` for the end of the file.

        Raises:
            InputError: the file cannot be read, or holds anything but whole rows.
        """
        place = self.start if start is None else start
        end = self.size if end is None else end
        descriptor = _open(self.path)
        try:
            rows = lines_of_rows(descriptor, place, end, self.row_format, self.columns, block)
            for line, values in rows:
                place += len(line)
                yield line, values
        except OutputError as error:
            raise _not_rows(self.path, str(error.__cause__)) from error
        finally:
            os.close(descriptor)
        if place != end:
            raise _not_rows(self.path, f"after {place} of {end} bytes comes no whole row")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return names_of(self.columns)

    def stamps(self) -> Stamps | None:
        """Return sizes and times of the scanned files; ``None`` without those of ``--update``.

        Raises:
            OutputError: they cannot be read.
        """
        return read_stamps(self.path)

    def identity(self) -> RunIdentity | None:
        """Return the settings of the scan; ``None`` if only the rows are known.

        Raises:
            OutputError: they cannot be read.
        """
        stamps = self.stamps()
        return None if stamps is None else stamps.identity


def finished_rows(path: str) -> FinishedRows:
    """Return the rows in a file, CSV or JSON lines, with or without columns of provenance.

    Raises:
        InputError: the file is missing, unfinished, or not an output of a scan.
    """
    if os.path.lexists(state_path(path)):
        raise InputError(f"{path}: its scan did not end; continue it with --resume first")
    if not Path(path).is_file():
        what = "not a regular file" if os.path.lexists(path) else "no such file"
        raise InputError(f"{path}: {what}; name the output of a scan")
    descriptor = _open(path)
    try:
        status = os.fstat(descriptor)
        start = read_at(descriptor, _LONGEST_FIRST_LINE, 0)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    row_format, columns, mark = _kind(path, start)
    return FinishedRows(path, row_format, columns, status.st_size, status.st_mtime_ns, mark)


def _kind(path: str, start: bytes) -> tuple[RowFormat, Columns, Mark]:
    for columns, mark in product(Columns, Mark):
        if start.startswith(header(RowFormat.CSV, columns, mark)):
            return RowFormat.CSV, columns, mark
    if not start:
        # JSON lines have no header, and a scan of nothing has no rows.
        return RowFormat.JSONL, Columns.USUAL, Mark.NONE
    try:
        values = json.loads(start.partition(b"\n")[0])
    except (ValueError, RecursionError) as error:
        raise _not_rows(path, "its first line is neither a header nor a row") from error
    for columns in Columns:
        if isinstance(values, dict) and tuple(values) == names_of(columns):
            return RowFormat.JSONL, columns, Mark.NONE
    raise _not_rows(path, "its first line has other columns")


def _not_rows(path: str, reason: str) -> InputError:
    return InputError(
        f"{path} does not hold rows of this version ({reason}); name a finished output of a scan"
    )


def _open(path: str) -> int:
    with failing_as(InputError, f"cannot read {path}"):
        return os.open(path, os.O_RDONLY | BINARY | NO_WAIT)


class CommonFolder:
    """Deepest folder that holds all paths so far, found in one pass.

    Attributes:
        folder: the folder, without a slash at its end; empty if the paths have none in common.
    """

    def __init__(self) -> None:
        self.folder = ""
        self._prefix: str | None = None

    def add(self, path: str) -> None:
        """Take one more path into account."""
        prefix = self._prefix
        if prefix is None or not path.startswith(prefix):
            self._widen(path)

    def _widen(self, path: str) -> None:
        folder = _folder_of(path)
        if self._prefix is None:
            self.folder = folder
        else:
            # One of them may be absolute and the other not.
            same_kind = folder.startswith("/") == self.folder.startswith("/")
            self.folder = os.path.commonpath([self.folder, folder]) if same_kind else ""
        at_root = self.folder.endswith("/") or not self.folder
        self._prefix = self.folder if at_root else f"{self.folder}/"


def _folder_of(path: str) -> str:
    folder, slash, _ = path.rpartition("/")
    return folder or slash
