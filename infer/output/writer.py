"""Rows → an open file or stream: each at once and whole, synced in steps.

Every row is handed to the operating system when it is written, which a kill of the process does not
undo. Against a power cut, files are synced every few seconds and every few thousand rows.
"""

import os
import select
import stat
import time
from collections.abc import Iterator
from typing import Protocol

from ..errors import OutputError
from ..results import ScanRow
from ..system.durable import sync_file
from .rows import RowFormat, encode_row, header

STANDARD_OUTPUT = "-"

_SYNC_INTERVAL_S = 5.0
_SYNC_ROWS = 10_000


class RowSink(Protocol):
    """Where the rows of one run go; ``Output`` is one, for CSV and JSON lines."""

    def kept(self) -> Iterator[bytes]:
        """Return the paths of an earlier run's rows that stay, lazily."""

    def write(self, row: ScanRow) -> None:
        """Take one row."""

    def sync(self) -> None:
        """Have the rows so far survive a power cut."""

    def complete(self) -> None:
        """Put the whole output in its place: the last row was written."""

    def abandon(self, *, keep_empty: bool) -> None:
        """Leave whole rows: the run ends early.

        Args:
            keep_empty: leave a new output in place even without a row.
        """


class RowWriter:
    """Writes rows to an open descriptor; a file holds whole rows whatever goes wrong.

    Args:
        descriptor: open for writing.
        path: of the file, as messages call it; ``-`` for standard output.
        row_format: CSV or JSON lines.
        kept_bytes: what stays of a file, header included; the rest is cut off. ``None`` to begin
            with a header where the descriptor stands.

    Attributes:
        rows: how many were written.

    Raises:
        OutputError: the header cannot be written.
        BrokenPipeError: nobody reads the stream.
    """

    def __init__(
        self, descriptor: int, path: str, row_format: RowFormat, kept_bytes: int | None = None
    ) -> None:
        self.rows = 0
        self._path = path
        self._descriptor = descriptor
        self._format = row_format
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._rows_at_sync, self._synced_at = 0, time.monotonic()
        if kept_bytes is None:
            self._size = os.lseek(descriptor, 0, os.SEEK_CUR) if self._is_file else 0
        else:
            self._size = os.lseek(descriptor, kept_bytes, os.SEEK_SET)
            self.trim()
        if not kept_bytes:
            self._write(header(row_format))

    def write(self, row: ScanRow) -> None:
        """Write one row.

        Raises:
            OutputError: it cannot be written; once trimmed, the file ends with a whole row.
            BrokenPipeError: nobody reads the stream any more.
        """
        self._write(encode_row(row, self._format))
        self.rows += 1
        if (
            self.rows - self._rows_at_sync >= _SYNC_ROWS
            or time.monotonic() - self._synced_at >= _SYNC_INTERVAL_S
        ):
            self.sync()

    def sync(self) -> None:
        """Have the rows so far survive a power cut.

        Raises:
            OutputError: the disk failed.
        """
        if not self._is_file:
            return
        try:
            sync_file(self._descriptor)
        except OSError as error:
            raise self._failure(error) from error
        self._rows_at_sync, self._synced_at = self.rows, time.monotonic()

    def check_size(self) -> None:
        """Raise an error where another program changed the file.

        Raises:
            OutputError: its size is not that of the rows.
        """
        # Others may write to the same standard output.
        if not self._is_file or self._path == STANDARD_OUTPUT:
            return
        size = os.fstat(self._descriptor).st_size
        if size != self._size:
            raise OutputError(
                f"{self._path} was changed by another program while it was written: it has {size} "
                f"bytes in place of {self._size}; scan again with --force"
            )

    def trim(self) -> None:
        """Cut off what follows the last whole row; a file that others cut shorter stays as it is.

        Raises:
            OutputError: the disk failed.
        """
        if not self._is_file:
            return
        try:
            if os.fstat(self._descriptor).st_size > self._size:
                os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            raise self._failure(error) from error

    def _write(self, line: bytes) -> None:
        self.check_size()
        rest = memoryview(line)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    # Whoever shares a pipe with this process can make it non-blocking.
                    select.select([], [self._descriptor], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failure(error) from error
        self._size += len(line)

    def _failure(self, error: OSError) -> OutputError:
        name = "standard output" if self._path == STANDARD_OUTPUT else self._path
        return OutputError(f"cannot write to {name}: {error.strerror or error}")
