"""Output of one run: opened first, settled when the run is known, complete at the end.

- A new file is written in place.
- An existing file is refused, unless it may be replaced. Then rows go to ``NAME.partial``, which
  gets its name and its permissions when the scan is complete.
- Either of the two can be resumed if a run left it unfinished. ``NAME.resume`` or
  ``NAME.partial.resume`` identifies that run, see ``run_identity``; a complete file has none.
- An update writes a file anew, and takes over rows of the old one, see ``earlier``. Sizes and times
  of the files lie in ``NAME.update``, see ``stamps``, and stay there.
- Of objects, any run keeps them there until it ends. An object that changed before the run was
  resumed gets a second row, and at the end the older one is left out.
- A shard of a scan has a record in ``NAME.shard``, see ``parts.record``, which stays there too.
- Devices and named pipes, and ``-`` for standard output, are streams.

A run holds a lock on the file that it writes, and on the file that it replaces, see ``lock``.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..choices import Existing, Mark, RowFormat
from ..errors import OutputError
from ..results import ScanRow
from ..system.durable import Identity, identity_of, sync_folder_of
from .destination import Target, find_target, is_still_there, open_again, opened, release
from .earlier import EarlierRows, earlier_rows, replaced_rows, write_without
from .parts.record import RecordWriter, Roots, has_record, record_path, remove_record
from .reader import KeptRows, kept_paths, kept_rows
from .rows import Columns
from .run_identity import RunIdentity, read_identity, remove_identity, state_path, write_identity
from .stamps import (
    Stamp,
    Stamps,
    StampWriter,
    fingerprints,
    read_stamps,
    remove_stamps,
    stamps_path,
)
from .whole_file import whole_file
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
        row_format: RowFormat,
        existing: Existing,
        columns: Columns,
        mark: Mark,
        *,
        is_shard: bool,
        has_objects: bool,
    ) -> None:
        self.path = target.path
        self.identities: set[Identity] = {identity_of(os.fstat(descriptor))}
        if target.replaces is not None:
            with contextlib.suppress(OSError):
                self.identities.add(identity_of(target.replaces.stat()))
        self.earlier: EarlierRows | None = None
        self.starts_anew = ""
        self._target = target
        self._is_shard = is_shard
        self._updates = existing is Existing.UPDATE
        self._has_objects = has_objects
        self._stamps: StampWriter | None = None
        self._record: RecordWriter | None = None
        self._descriptor = descriptor
        self._format, self._columns, self._mark = row_format, columns, mark
        self._kept = KeptRows()
        self._writer: RowWriter | None = None
        self._old_identity: RunIdentity | None = None
        self._identity = RunIdentity({})
        if target.resumes:
            self._old_identity = read_identity(target.path)
            self._kept = self._kept_rows()
        else:
            # A full disk is detected here, before anything slow is done.
            self._writer = RowWriter(descriptor, target.path, row_format, columns, mark)

    def begin(self, identity: RunIdentity) -> KeptRows:
        """Settle which rows stay, and write the run's identity, before the first row.

        Args:
            identity: identity of this run.

        Returns:
            The rows of an earlier run that stay; none but where one is resumed.

        Raises:
            OutputError: the existing rows come from another run, which leaves them unchanged; or
                the file cannot be written.
        """
        if self._target.is_stream:
            return self._kept
        self._identity = identity
        if self._old_identity is not None and self._kept.verdicts:
            self._old_identity.check_resumed(self.path, identity)
        if self._writer is None:
            self._writer = RowWriter(
                self._descriptor,
                self.path,
                self._format,
                self._columns,
                self._mark,
                kept_bytes=self._kept.size,
            )
        if not self._kept.verdicts:
            write_identity(self.path, identity)
        if self._updates or self._has_objects:
            self._stamps = StampWriter(self.path, identity, self._kept_stamps())
        else:
            remove_stamps(self.path)
        if self._updates and self._target.replaces is not None:
            self.earlier, self.starts_anew = earlier_rows(
                str(self._target.replaces), self._format, self._columns, identity
            )
        if self._is_shard:
            goes_on = bool(self._kept.verdicts)
            self._record = RecordWriter(self.path, identity, goes_on=goes_on)
        else:
            remove_record(self.path)
        self._know_own_files()
        return self._kept

    def _know_own_files(self) -> None:
        """Note the files beside the rows, so that no scan takes them for files of the user."""
        for rows in (self.path, str(self._target.replaces or self.path)):
            for path in (state_path(rows), stamps_path(rows), record_path(rows)):
                with contextlib.suppress(OSError):
                    self.identities.add(identity_of(os.lstat(path)))

    def kept(self) -> Iterator[bytes]:
        """Return the paths of the rows that stay, lazily."""
        return kept_paths(self._descriptor, self._kept, self._format, self._columns)

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
        kept = None if self._stamps is None else self._stamps.kept
        known = None if kept is None else kept.find(path)
        return known is not None and known != stamp

    def write(self, row: ScanRow, root: int = 0, stamp: Stamp | None = None) -> None:
        """Write one row; ``begin`` comes first.

        Args:
            row: the row.
            root: number of the root that led to its file; of use to a shard alone.
            stamp: taken of the file before it was read; ``None`` has the next update scan it again.

        Raises:
            OutputError: the row cannot be written; the file will end with a whole row.
            BrokenPipeError: the reader of the stream closed it.
        """
        assert self._writer is not None
        if self._record is not None or stamp is not None:
            path = row.path.encode("utf-8", "surrogateescape")
            if self._record is not None:
                self._record.add(root, path)
            if self._stamps is not None and stamp is not None:
                self._stamps.add(path, stamp)
        self._writer.write(row)

    def drop_outdated(self) -> KeptRows:
        """Leave out rows of objects that have a newer row, and return their counts.

        Raises:
            OutputError: the file cannot be read or written.
        """
        if self._stamps is None or self._stamps.kept is None or not self._kept.start:
            return KeptRows()
        self.sync()
        form = self._format, self._columns
        rows = KeptRows(self._kept.start, os.fstat(self._descriptor).st_size)
        numbers = replaced_rows(self._descriptor, rows, *form, self._stamps)
        if not len(numbers):
            return KeptRows()
        with whole_file(self.path, Existing.REPLACE) as path, path.open("wb") as file:
            dropped, self._kept = write_without(self._descriptor, rows, *form, numbers, file)
            release(self._descriptor)
        open_again(self._descriptor, self.path)
        size = self._kept.size
        self._writer = RowWriter(self._descriptor, self.path, *form, self._mark, kept_bytes=size)
        return dropped

    def sync(self) -> None:
        """Sync the rows so far to the disk, so that they survive a power cut.

        Raises:
            OutputError: the disk failed.
        """
        assert self._writer is not None
        for beside in (self._record, self._stamps):
            if beside is not None:
                beside.sync()
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
        if self._record is not None:
            self._record.end(os.fstat(self._descriptor).st_size)
        rows = str(self._target.replaces or self.path)
        if self.earlier is None and (rows != self.path or self._stamps is None):
            # Old ones must not vouch for rows of another run, not even after a kill at this place.
            remove_stamps(rows)
        if rows != self.path:
            remove_record(rows)
        if self._target.replaces is not None:
            if os.path.lexists(state_path(rows)):
                # That of unfinished rows must not vouch for these, not even for a moment.
                write_identity(rows, self._identity)
            _replace(self._target.replaces, self.path, self._descriptor)
            remove_identity(rows)
        if self._stamps is not None and self._updates:
            self._stamps.complete(rows)
        if self._record is not None:
            self._record.complete(rows)
        remove_identity(self.path)
        if self._stamps is not None and not self._updates:
            # Last, because a run that goes on needs them.
            self._stamps.abandon()
            remove_stamps(self.path)
        sync_folder_of(self.path)

    def abandon(self, *, keep_empty: bool) -> None:
        """End the run early: leave whole rows, or nothing if there are none.

        Args:
            keep_empty: leave a new file in place even without a row.
        """
        if self._target.is_stream or self._writer is None:
            return
        if self._stamps is not None:
            self._stamps.abandon()
        if self._record is not None:
            self._record.abandon()
        with contextlib.suppress(OSError, OutputError):
            if self.rows or self._target.resumes or (keep_empty and not self._target.replaces):
                self._writer.trim()
            else:
                Path(self.path).unlink()
                remove_identity(self.path)
                remove_stamps(self.path)
                remove_record(self.path)

    def _kept_rows(self) -> KeptRows:
        """Return the whole rows of an interrupted run; of a shard, those that its record has.

        Raises:
            OutputError: the file cannot be read, or holds rows of no interrupted run.
        """
        form = self._format, self._columns
        if self._old_identity is not None and has_record(self.path):
            roots = Roots(self.path)
            return kept_rows(
                self._descriptor, self.path, *form, lambda path: roots.next_of(path) is not None
            )
        kept = kept_rows(self._descriptor, self.path, *form)
        if self._old_identity is None and kept.verdicts:
            raise OutputError(
                f"{self.path} cannot be resumed: it is complete, or not written by an "
                f"interrupted scan (there is no valid {state_path(self.path)}); "
                "choose another name, or replace it with --force"
            )
        return kept

    def _kept_stamps(self) -> Stamps | None:
        """Return the stamps of the rows that stay; ``None`` if there are none.

        Raises:
            OutputError: they cannot be read.
        """
        stamps = read_stamps(self.path) if self._kept.verdicts else None
        return None if stamps is None else stamps.written(fingerprints(self.kept(), stamps.key))


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
    with opened(target, destination) as descriptor:
        try:
            output = Output(
                target,
                descriptor,
                row_format,
                existing,
                columns,
                mark,
                is_shard=is_shard,
                has_objects=has_objects,
            )
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


def _replace(old: Path, new: str, descriptor: int) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, stat.S_IMODE(old.stat().st_mode))
        release(descriptor)
        Path(new).replace(old)
    except OSError as error:
        raise OutputError(
            f"cannot replace {old}: {error.strerror}; the rows are in {new}"
        ) from error
