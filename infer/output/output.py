"""Where the rows of one run go: opened first, settled when the run is known, complete at the end.

- A new file is written in place.
- An existing file is refused, unless it may be replaced: then rows go to ``NAME.partial`` beside
  it, which takes its place, and its permissions, when the scan is complete.
- Either of the two that a run left unfinished can be resumed. ``NAME.resume`` or
  ``NAME.partial.resume`` says what that run was, see ``resume``; a complete file has none.
- Devices and named pipes, and ``-`` for standard output, are streams.

Whoever writes a file holds a lock on it, and on the file that it replaces, see ``lock``.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError
from ..results import ScanRow
from ..system.durable import Identity, identity_of, sync_folder_of
from .destination import Existing, Target, find_target, is_still_there, opened
from .reader import KeptRows, kept_paths, kept_rows
from .rows import RowFormat
from .run_identity import RunIdentity, read_identity, remove_identity, state_path, write_identity
from .writer import RowSink, RowWriter


class Output(RowSink):
    """An output that is open for one run. Made by ``open_output``.

    Attributes:
        path: where the rows go; ``-`` for standard output.
        identities: device and inode of the files that this run writes or replaces.
    """

    def __init__(self, target: Target, descriptor: int, row_format: RowFormat) -> None:
        self.path = target.path
        self.identities: set[Identity] = {identity_of(os.fstat(descriptor))}
        if target.replaces is not None:
            with contextlib.suppress(OSError):
                self.identities.add(identity_of(target.replaces.stat()))
        self._target = target
        self._descriptor = descriptor
        self._format = row_format
        self._kept = KeptRows()
        self._writer: RowWriter | None = None
        self._old_identity: RunIdentity | None = None
        if target.resumes:
            self._kept = kept_rows(descriptor, target.path, row_format)
            self._old_identity = self._identity_of_kept()
        else:
            # A full disk is noticed here, before anything slow is done.
            self._writer = RowWriter(descriptor, target.path, row_format)

    def begin(self, identity: RunIdentity) -> KeptRows:
        """Settle which rows stay, and say what this run is, before the first row.

        Args:
            identity: of this run.

        Returns:
            The rows of an earlier run that stay; none but where one is resumed.

        Raises:
            OutputError: the rows that there are come from another run, which leaves them untouched;
                or the file cannot be written.
        """
        if self._target.is_stream:
            return self._kept
        if self._old_identity is not None and self._kept.verdicts:
            difference = self._old_identity.difference(identity)
            if difference:
                raise OutputError(
                    f"{self.path} cannot be resumed: {difference}; repeat the options of its scan, "
                    "or start anew with --force"
                )
        if self._writer is None:
            self._writer = RowWriter(
                self._descriptor, self.path, self._format, kept_bytes=self._kept.size
            )
        if not self._kept.verdicts:
            write_identity(self.path, identity)
        return self._kept

    def kept(self) -> Iterator[bytes]:
        """Return the paths of the rows that stay, lazily."""
        return kept_paths(self._descriptor, self._kept, self._format)

    @property
    def rows(self) -> int:
        """How many rows there are, kept ones included."""
        return self._kept.verdicts.total() + (0 if self._writer is None else self._writer.rows)

    @property
    def is_resumable(self) -> bool:
        """Whether what is there can be gone on with, should this run end early."""
        return not self._target.is_stream and self._writer is not None and self.rows > 0

    def write(self, row: ScanRow) -> None:
        """Write one row; ``begin`` comes first.

        Raises:
            OutputError: it cannot be written; the file will end with a whole row.
            BrokenPipeError: nobody reads the stream any more.
        """
        assert self._writer is not None
        self._writer.write(row)

    def sync(self) -> None:
        """Have the rows so far survive a power cut.

        Raises:
            OutputError: the disk failed.
        """
        assert self._writer is not None
        self._writer.sync()

    def complete(self) -> None:
        """The last row was written: have it on the disk, and the file in its place.

        Raises:
            OutputError: the disk failed, and what is there can be resumed; or somebody took the
                file away.
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
        if self._target.replaces is not None:
            _replace(self._target.replaces, self.path, self._descriptor)
            remove_identity(str(self._target.replaces))
        remove_identity(self.path)
        sync_folder_of(self.path)

    def abandon(self, *, keep_empty: bool) -> None:
        """The run ends early: leave whole rows, or nothing where nothing was written.

        Args:
            keep_empty: leave a new file in place even without a row.
        """
        if self._target.is_stream or self._writer is None:
            return
        with contextlib.suppress(OSError, OutputError):
            if self.rows or self._target.resumes or (keep_empty and not self._target.replaces):
                self._writer.trim()
            else:
                Path(self.path).unlink()
                remove_identity(self.path)

    def _identity_of_kept(self) -> RunIdentity | None:
        identity = read_identity(self.path)
        if identity is None and self._kept.verdicts:
            raise OutputError(
                f"{self.path} cannot be resumed: it is complete, or something else than an "
                f"interrupted scan wrote it (there is no sound {state_path(self.path)}); "
                "choose another name, or replace it with --force"
            )
        return identity


@contextmanager
def open_output(
    destination: str, row_format: RowFormat, existing: Existing = Existing.REFUSE
) -> Iterator[Output]:
    """Open what ``--out`` names, before anything slow is done.

    When the block ends, the rows are synced and a replacement takes its place. When it ends with
    an exception, the rows so far stay, in ``Output.path``; a new file without rows stays only where
    the scan was interrupted, so that a failed start can simply be repeated.

    Args:
        destination: a path, or ``-``.
        row_format: CSV or JSON lines.
        existing: what to do where there is one.

    Raises:
        OutputError: the output exists, is being written by another run, cannot be resumed, or
            cannot be created or written.
    """
    target = find_target(destination, existing)
    with opened(target, destination) as descriptor:
        try:
            output = Output(target, descriptor, row_format)
        except BaseException:
            if not target.is_stream and not target.resumes:
                with contextlib.suppress(OSError):
                    Path(target.path).unlink()
            raise
        try:
            yield output
            output.complete()
        except BaseException as error:
            output.abandon(keep_empty=not isinstance(error, Exception))
            raise


def _replace(old: Path, new: str, descriptor: int) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, stat.S_IMODE(old.stat().st_mode))
        if os.name == "nt":
            # There, an open file cannot be renamed.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        Path(new).replace(old)
    except OSError as error:
        raise OutputError(
            f"cannot replace {old}: {error.strerror}; the rows are in {new}"
        ) from error
