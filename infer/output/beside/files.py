"""All files beside the rows of one run, from its first row to the final name of its rows.

- ``NAME.resume`` identifies an unfinished run, see ``run_identity``.
- ``NAME.update`` has sizes and times of the files, see ``stamps``.
- ``NAME.shard`` has the roots of the rows of a shard, see ``parts.record``.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...choices import RowFormat
from ...errors import OutputError
from ...results import ScanRow
from ...system.durable import Identity, identity_of, sync_folder_of
from ..parts.record import RecordWriter, Roots, has_record, record_path, remove_record
from ..reader import KeptRows, kept_rows
from ..rows import Columns
from ..run_identity import RunIdentity, read_identity, remove_identity, state_path, write_identity
from ..stamps import (
    Stamp,
    Stamps,
    StampWriter,
    fingerprints,
    read_stamps,
    remove_stamps,
    stamps_path,
)


class BesideFiles:
    """Files beside the rows that one run writes.

    Args:
        rows: path of the rows while they are written.
        final: path of the complete rows.
        is_shard: true keeps a record of the rows for ``merge``.
        is_update: true keeps stamps, also when the rows are complete.
        has_objects: true keeps stamps until the rows are complete.

    Attributes:
        stamps: sizes and times of the files; ``None`` if the run keeps none.
    """

    def __init__(
        self, rows: str, final: str, *, is_shard: bool, is_update: bool, has_objects: bool
    ) -> None:
        self.stamps: StampWriter | None = None
        self._rows, self._final = rows, final
        self._is_shard, self._stamps_stay = is_shard, is_update
        self._has_stamps = is_update or has_objects
        self._record: RecordWriter | None = None
        self._old_identity: RunIdentity | None = None
        self._identity = RunIdentity({})

    def kept_rows(self, descriptor: int, row_format: RowFormat, columns: Columns) -> KeptRows:
        """Return the whole rows of an interrupted run; of a shard, those that its record has.

        Raises:
            OutputError: the file cannot be read, or holds rows of no interrupted run.
        """
        form = row_format, columns
        self._old_identity = read_identity(self._rows)
        if self._old_identity is not None and has_record(self._rows):
            roots = Roots(self._rows)
            return kept_rows(
                descriptor, self._rows, *form, lambda path: roots.next_of(path) is not None
            )
        kept = kept_rows(descriptor, self._rows, *form)
        if self._old_identity is None and kept.verdicts:
            raise OutputError(
                f"{self._rows} cannot be resumed: it is complete, or not written by an "
                f"interrupted scan (there is no valid {state_path(self._rows)}); "
                "choose another name, or replace it with --force"
            )
        return kept

    def check_resumed(self, identity: RunIdentity) -> None:
        """Refuse to keep rows of a run with other settings.

        Raises:
            OutputError: a setting differs.
        """
        if self._old_identity is not None:
            self._old_identity.check_resumed(self._rows, identity)

    def begin(
        self, identity: RunIdentity, kept: Callable[[], Iterator[bytes]], *, goes_on: bool
    ) -> None:
        """Write the run's identity, and open the other files, before the first row.

        Args:
            identity: identity of the run.
            kept: returns the paths of the rows that stay.
            goes_on: true if rows stay.

        Raises:
            OutputError: a file cannot be written or read.
        """
        self._identity = identity
        if not goes_on:
            write_identity(self._rows, identity)
        if self._has_stamps:
            stamps = self._kept_stamps(kept) if goes_on else None
            self.stamps = StampWriter(self._rows, identity, stamps)
        else:
            remove_stamps(self._rows)
        if self._is_shard:
            self._record = RecordWriter(self._rows, identity, goes_on=goes_on)
        else:
            remove_record(self._rows)

    def _kept_stamps(self, kept: Callable[[], Iterator[bytes]]) -> Stamps | None:
        stamps = read_stamps(self._rows)
        return None if stamps is None else stamps.written(fingerprints(kept(), stamps.key))

    def identities(self) -> Iterator[Identity]:
        """Yield device and inode of the files, so that no scan takes them for files of the user."""
        for rows in (self._rows, self._final):
            for path in (state_path(rows), stamps_path(rows), record_path(rows)):
                with contextlib.suppress(OSError):
                    yield identity_of(os.lstat(path))

    def kept_stamp(self, path: bytes) -> Stamp | None:
        """Return the stamp of a row that stays; ``None`` if it has none."""
        kept = None if self.stamps is None else self.stamps.kept
        return None if kept is None else kept.find(path)

    def add(self, row: ScanRow, root: int, stamp: Stamp | None) -> None:
        """Write what belongs to a row, before the row itself.

        Raises:
            OutputError: it cannot be written.
        """
        if self._record is None and stamp is None:
            return
        path = row.path.encode("utf-8", "surrogateescape")
        if self._record is not None:
            self._record.add(root, path)
        if self.stamps is not None and stamp is not None:
            self.stamps.add(path, stamp)

    def sync(self) -> None:
        """Sync the files to the disk.

        Raises:
            OutputError: the disk failed.
        """
        for beside in (self._record, self.stamps):
            if beside is not None:
                beside.sync()

    @contextmanager
    def completed(self, size: int, *, has_earlier: bool) -> Iterator[None]:
        """Complete the files around the move of the rows to their final name.

        Args:
            size: bytes of the rows.
            has_earlier: true if rows were taken over from the file that is replaced.

        Raises:
            OutputError: a file cannot be written or moved.
        """
        replaces = self._final != self._rows
        if self._record is not None:
            self._record.end(size)
        if not has_earlier and (replaces or self.stamps is None):
            # Old ones must not vouch for rows of another run, not even after a kill at this place.
            remove_stamps(self._final)
        if replaces:
            remove_record(self._final)
            if os.path.lexists(state_path(self._final)):
                # That of unfinished rows must not vouch for these, not even for a moment.
                write_identity(self._final, self._identity)
        yield
        if replaces:
            remove_identity(self._final)
        if self.stamps is not None and self._stamps_stay:
            self.stamps.complete(self._final)
        if self._record is not None:
            self._record.complete(self._final)
        remove_identity(self._rows)
        if self.stamps is not None and not self._stamps_stay:
            # Last, because a run that goes on needs them.
            self.stamps.abandon()
            remove_stamps(self._rows)
        sync_folder_of(self._rows)

    def abandon(self) -> None:
        """Leave the files for the next run."""
        for beside in (self.stamps, self._record):
            if beside is not None:
                beside.abandon()

    def remove(self) -> None:
        """Remove the files; no rows stay."""
        remove_identity(self._rows)
        remove_stamps(self._rows)
        remove_record(self._rows)
