"""Writer of rows to an open file or stream: each at once and whole, synced in steps.

Every row is passed to the operating system when it is written; killing the process does not undo
that. Against a power cut, files are synced every few seconds and every few thousand rows.
"""

import os
import select
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..choices import STANDARD_OUTPUT, Mark, RowFormat
from ..errors import OutputError, failing_as
from ..results import ScanRow
from ..system.durable import sync_file
from .rows import Columns, encode_row, header

if TYPE_CHECKING:
    from ..system.durable import Identity
    from .earlier import EarlierRows
    from .reader import KeptRows
    from .run_identity import RunIdentity
    from .stamps import Stamp

_SYNC_INTERVAL_S = 5.0
_SYNC_ROWS = 10_000


Sink = TypeVar("Sink", bound="RowSink")


@contextmanager
def ended(sink: Sink) -> Iterator[Sink]:
    """Complete a sink when the block ends; end it early when the block raises anything."""
    try:
        yield sink
        sink.complete()
    except BaseException as error:
        sink.abandon(keep_empty=not isinstance(error, Exception))
        raise


class RowSink(Protocol):
    """Destination of one run's rows: a file or stream (``Output``), or parts (``PartsOutput``).

    Attributes:
        path: path or address in messages.
        identities: device and inode of the files that this run writes or replaces.
        earlier: rows that an update can take over; ``None`` if there are none.
        starts_anew: reason why an update can take over nothing; mostly empty.
    """

    path: str
    identities: "set[Identity]"
    earlier: "EarlierRows | None"
    starts_anew: str

    @property
    def rows(self) -> int:
        """Number of rows, kept ones included."""

    @property
    def goes_on_with(self) -> str:
        """Option that continues this run after an early end."""

    @property
    def is_resumable(self) -> bool:
        """True if the output can be resumed after an early end of this run."""

    def begin(self, identity: "RunIdentity") -> "KeptRows":
        """Settle which rows stay, before the first row, and return those of an earlier run."""

    def kept(self) -> Iterator[bytes]:
        """Return the paths of an earlier run's rows that stay, lazily."""

    def is_outdated(self, path: bytes, stamp: "Stamp") -> bool:
        """Return whether an object is not the one that a row was kept of."""

    def write(self, row: ScanRow, root: int = 0, stamp: "Stamp | None" = None) -> None:
        """Write one row.

        Args:
            row: the row.
            root: number of the root that led to its file; of use to shards and parts alone.
            stamp: taken of the file before it was read; ``None`` has the next update scan it again.
        """

    def drop_outdated(self) -> "KeptRows":
        """Leave out rows of objects that have a newer row, and return their counts."""

    def sync(self) -> None:
        """Make the rows so far survive the end of this process, and a power cut."""

    def complete(self) -> None:
        """Finish the output after its last row."""

    def abandon(self, *, keep_empty: bool) -> None:
        """End the run early, and leave whole rows.

        Args:
            keep_empty: leave a new output in place even without a row.
        """


class RowWriter:
    """Writer of rows to an open descriptor; a file holds whole rows after any failure.

    Args:
        descriptor: descriptor that is open for writing.
        path: path of the file in messages; ``-`` for standard output.
        row_format: CSV or JSON lines.
        columns: columns of the rows.
        mark: mark before the header that is written.
        kept_bytes: bytes of a file that stay, header included; the rest is cut off. ``None`` to
            begin with a header at the descriptor's position.

    Attributes:
        rows: number of rows written.

    Raises:
        OutputError: the header cannot be written.
        BrokenPipeError: the reader of the stream closed it.
    """

    def __init__(
        self,
        descriptor: int,
        path: str,
        row_format: RowFormat,
        columns: Columns = Columns.USUAL,
        mark: Mark = Mark.NONE,
        *,
        kept_bytes: int | None = None,
    ) -> None:
        self.rows = 0
        self._path = path
        name = "standard output" if path == STANDARD_OUTPUT else path
        self._failing = f"cannot write to {name}"
        self._descriptor = descriptor
        self._format, self._columns = row_format, columns
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._rows_at_sync, self._synced_at = 0, time.monotonic()
        if kept_bytes is None:
            self._size = os.lseek(descriptor, 0, os.SEEK_CUR) if self._is_file else 0
        else:
            self._size = os.lseek(descriptor, kept_bytes, os.SEEK_SET)
            self.trim()
        self._seen = self._size_now()
        if not kept_bytes:
            self._write(header(row_format, columns, mark))

    def write(self, row: ScanRow) -> None:
        """Write one row.

        Raises:
            OutputError: the row cannot be written; once trimmed, the file ends with a whole row.
            BrokenPipeError: the reader of the stream closed it.
        """
        self._write(encode_row(row, self._format, self._columns))
        self.rows += 1
        if (
            self.rows - self._rows_at_sync >= _SYNC_ROWS
            or time.monotonic() - self._synced_at >= _SYNC_INTERVAL_S
        ):
            self.sync()

    def sync(self) -> None:
        """Sync the rows so far to the disk, so that they survive a power cut.

        Raises:
            OutputError: the disk failed.
        """
        if not self._is_file:
            return
        with failing_as(OutputError, self._failing):
            sync_file(self._descriptor)
        self._rows_at_sync, self._synced_at = self.rows, time.monotonic()

    def check_size(self) -> None:
        """Raise an error if another program changed the file.

        Raises:
            OutputError: it is smaller than after the last row, or larger than all rows.
        """
        # Some file systems are late in saying how large a file is, so it may have grown since.
        if not self._seen <= (size := self._size_now()) <= self._size:
            raise OutputError(
                f"{self._path} was changed by another program while it was written: it has {size} "
                f"bytes instead of {self._size}; scan again with --force"
            )

    def trim(self) -> None:
        """Cut off everything after the last whole row; a shorter file stays unchanged.

        Raises:
            OutputError: the disk failed.
        """
        if not self._is_file:
            return
        with failing_as(OutputError, self._failing):
            if os.fstat(self._descriptor).st_size > self._size:
                os.ftruncate(self._descriptor, self._size)

    def _write(self, line: bytes) -> None:
        self.check_size()
        rest = memoryview(line)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    # Another process that shares the pipe can make it non-blocking.
                    select.select([], [self._descriptor], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"{self._failing}: {error.strerror or error}") from error
        self._size += len(line)
        self._seen = self._size_now()

    def _size_now(self) -> int:
        """Return the size of the file; of anything else the size that it should have."""
        # Other programs may write to the same standard output.
        if not self._is_file or self._path == STANDARD_OUTPUT:
            return self._size
        return os.fstat(self._descriptor).st_size
