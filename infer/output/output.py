"""Output of one run: opened first, settled when the run is known, complete at the end.

- A new file is written in place.
- An existing file is refused, unless it may be replaced. Then rows go to ``NAME.partial``, which
  gets its name and its permissions when the scan is complete.
- Either of the two can be resumed if a run left it unfinished.
- An update writes a file anew, and takes over rows of the old one, see ``earlier``.
- An object that changed before the run was resumed gets a second row, and at the end the older one
  is left out.
- Devices and named pipes, and ``-`` for standard output, are streams.

Other files beside the rows tell the next run about this one, see ``beside.files``. A run holds a
lock on the file that it writes, and on the file that it replaces, see ``lock``.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..choices import Existing, Mark, RowFormat
from ..errors import OutputError
from ..results import ScanRow
from ..system.durable import Identity, identity_of
from .beside.files import BesideFiles
from .destination import Target, find_target, is_still_there, opened, replace_file
from .earlier import EarlierRows, earlier_rows, rewritten
from .reader import KeptRows, kept_paths
from .rows import Columns
from .run_identity import RunIdentity
from .stamps import Stamp
from .writer import RowSink, RowWriter, ended


class Output(RowSink):
    """An output that is open for one run. Made by ``open_output``.

    Attributes:
        path: path of the rows; ``-`` for standard output.
        identities: device and inode of the files that this run writes or replaces; all of them
            from ``begin`` on.
        earlier: rows that an update can take over; ``None`` if there are none.
        starts_anew: reason why an update can take over nothing; mostly empty.
    """

    def __init__(
        self,
        target: Target,
        descriptor: int,
        beside: BesideFiles,
        row_format: RowFormat,
        columns: Columns,
        mark: Mark,
        *,
        updates: bool,
    ) -> None:
        self.path = target.path
        self.identities: set[Identity] = {identity_of(os.fstat(descriptor))}
        if target.replaces is not None:
            with contextlib.suppress(OSError):
                self.identities.add(identity_of(target.replaces.stat()))
        self.earlier: EarlierRows | None = None
        self.starts_anew = ""
        self._target, self._descriptor, self._beside = target, descriptor, beside
        self._form, self._mark = (row_format, columns), mark
        self._updates = updates
        self._kept = KeptRows()
        self._writer: RowWriter | None = None
        if target.resumes:
            self._kept = beside.kept_rows(descriptor, *self._form)
        else:
            # A full disk is detected here, before anything slow is done.
            self._writer = self._new_writer(None)

    def _new_writer(self, kept_bytes: int | None) -> RowWriter:
        return RowWriter(
            self._descriptor, self.path, *self._form, self._mark, kept_bytes=kept_bytes
        )

    def begin(self, identity: RunIdentity) -> KeptRows:
        """Settle which rows stay, and write the run's identity, before the first row.

        Raises:
            OutputError: the existing rows come from another run, which leaves them unchanged; or
                the file cannot be written.
        """
        if self._target.is_stream:
            return self._kept
        goes_on = bool(self._kept.verdicts)
        if goes_on:
            self._beside.check_resumed(identity)
        if self._writer is None:
            self._writer = self._new_writer(self._kept.size)
        self._beside.begin(identity, self.kept, goes_on=goes_on)
        if self._updates and self._target.replaces is not None:
            self.earlier, self.starts_anew = earlier_rows(
                str(self._target.replaces), *self._form, identity
            )
        self.identities.update(self._beside.identities())
        return self._kept

    def kept(self) -> Iterator[bytes]:
        """Return the paths of the rows that stay, lazily."""
        return kept_paths(self._descriptor, self._kept, *self._form)

    @property
    def rows(self) -> int:
        """Number of rows, kept ones included."""
        return self._kept.verdicts.total() + (0 if self._writer is None else self._writer.rows)

    @property
    def goes_on_with(self) -> str:
        """Option that continues this run after an early end."""
        return "--update" if self._updates else "--resume"

    @property
    def is_resumable(self) -> bool:
        """True if the output can be resumed after an early end of this run."""
        return not self._target.is_stream and self._writer is not None and self.rows > 0

    def is_outdated(self, path: bytes, stamp: Stamp) -> bool:
        """Return whether an object is not the one that a row was kept of."""
        known = self._beside.kept_stamp(path)
        return known is not None and known != stamp

    def write(self, row: ScanRow, root: int = 0, stamp: Stamp | None = None) -> None:
        """Write one row; ``begin`` comes first.

        Raises:
            OutputError: the row cannot be written; the file will end with a whole row.
            BrokenPipeError: the reader of the stream closed it.
        """
        assert self._writer is not None
        self._beside.add(row, root, stamp)
        self._writer.write(row)

    def drop_outdated(self) -> KeptRows:
        """Leave out rows of objects that have a newer row, and return their counts.

        Raises:
            OutputError: the file cannot be read or written.
        """
        stamps = self._beside.stamps
        if stamps is None or stamps.kept is None or not self._kept.start:
            return KeptRows()
        self.sync()
        rows = KeptRows(self._kept.start, os.fstat(self._descriptor).st_size)
        counts = rewritten(self._descriptor, self.path, rows, *self._form, stamps)
        if counts is None:
            return KeptRows()
        dropped, self._kept = counts
        self._writer = self._new_writer(self._kept.size)
        return dropped

    def sync(self) -> None:
        """Sync the rows so far to the disk, so that they survive a power cut.

        Raises:
            OutputError: the disk failed.
        """
        assert self._writer is not None
        self._beside.sync()
        self._writer.sync()

    def complete(self) -> None:
        """Sync the output after its last row, and move the file to its name.

        Raises:
            OutputError: the disk failed, and the output can be resumed; or the file was removed by
                another program.
        """
        assert self._writer is not None
        if self._target.is_stream:
            return
        self.sync()
        self._writer.check_size()
        if not is_still_there(self.path, self._descriptor):
            raise OutputError(
                f"{self.path} was removed, moved or replaced while it was written; "
                "what lies there now is not from this scan"
            )
        size, has_earlier = os.fstat(self._descriptor).st_size, self.earlier is not None
        with self._beside.completed(size, has_earlier=has_earlier):
            if self._target.replaces is not None:
                replace_file(self._target.replaces, self.path, self._descriptor)

    def abandon(self, *, keep_empty: bool) -> None:
        """End the run early: leave whole rows, or nothing if there are none."""
        if self._target.is_stream or self._writer is None:
            return
        self._beside.abandon()
        with contextlib.suppress(OSError, OutputError):
            if self.rows or self._target.resumes or (keep_empty and not self._target.replaces):
                self._writer.trim()
            else:
                Path(self.path).unlink()
                self._beside.remove()


@contextmanager
def open_output(
    destination: str,
    row_format: RowFormat,
    existing: Existing = Existing.REFUSE,
    columns: Columns = Columns.USUAL,
    mark: Mark = Mark.NONE,
    *,
    is_shard: bool = False,
    has_objects: bool = False,
) -> Iterator[Output]:
    """Open what ``--out`` names, before anything slow is done.

    When the block ends, the rows are synced and a replacement takes its name. When it ends with an
    exception, the rows so far stay in ``Output.path``. A new file without rows stays only after an
    interruption, so a failed start can simply be repeated.

    Args:
        destination: a path, or ``-``.
        row_format: CSV or JSON lines.
        existing: policy for an output that exists.
        columns: columns of the rows.
        mark: mark at the beginning of a CSV file; one that is resumed keeps its own.
        is_shard: true keeps a record beside the rows, for ``merge``.
        has_objects: true keeps sizes and ETags beside the rows until the scan ends.

    Raises:
        OutputError: the output exists, is being written by another run, cannot be resumed, or
            cannot be created or written; or a shard's is no regular file.
    """
    target = find_target(destination, existing)
    if is_shard and target.is_stream:
        raise OutputError(f"cannot merge what {destination} passes on; use --out with a file")
    updates = existing is Existing.UPDATE
    beside = BesideFiles(
        target.path,
        str(target.replaces or target.path),
        is_shard=is_shard,
        is_update=updates,
        has_objects=has_objects,
    )
    with opened(target, destination) as descriptor:
        try:
            output = Output(target, descriptor, beside, row_format, columns, mark, updates=updates)
        except BaseException:
            if not target.is_stream and not target.resumes:
                with contextlib.suppress(OSError):
                    Path(target.path).unlink()
            raise
        try:
            with ended(output):
                yield output
        finally:
            if output.earlier is not None:
                output.earlier.close()
