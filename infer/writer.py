"""Where rows go: a new file, a replacement for an old one, or a stream.

- A new file is written in place, each row at once and whole, so that a killed run keeps its rows.
- An existing file is refused unless it may be replaced; then rows go to ``NAME.partial`` beside it,
  which takes its place, and its permissions, when the scan is complete.
- Devices and named pipes, and ``-`` for standard output, are streams.

Every row is handed to the operating system when it is written, which a kill of the process does not
undo; against a power cut, files are synced every few seconds.
"""

import contextlib
import errno
import os
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import OutputError
from .results import ScanRow
from .rows import RowFormat, encode_row, header

STANDARD_OUTPUT = "-"
PARTIAL_SUFFIX = ".partial"

_SYNC_INTERVAL_S = 5.0
_NOT_SYNCABLE = frozenset({errno.EINVAL, errno.ENOTSUP})
"""What file systems answer that have no ``fsync``."""


class RowWriter:
    """Writes rows to an open descriptor; a file holds whole rows whatever goes wrong.

    Args:
        descriptor: open for writing, at the end of what it holds.
        path: of the file, as messages call it; ``-`` for standard output.
        row_format: CSV or JSON lines.

    Attributes:
        path: where the rows are; ``-`` for standard output.
        rows: how many were written.
        identities: device and inode of the file, and of the one that it replaces.
    """

    def __init__(self, descriptor: int, path: str, row_format: RowFormat) -> None:
        status = os.fstat(descriptor)
        self.path = path
        self.rows = 0
        self.identities = {(status.st_dev, status.st_ino)}
        self._descriptor = descriptor
        self._format = row_format
        self._is_file = stat.S_ISREG(status.st_mode)
        self._start = os.lseek(descriptor, 0, os.SEEK_CUR) if self._is_file else 0
        self._size = 0
        self._synced_at = time.monotonic()
        self._write(header(row_format))

    def write(self, row: ScanRow) -> None:
        """Write one row.

        Raises:
            OutputError: it cannot be written; what is in the file ends with a whole row.
            BrokenPipeError: nobody reads the stream any more.
        """
        self._write(encode_row(row, self._format))
        self.rows += 1
        if time.monotonic() - self._synced_at >= _SYNC_INTERVAL_S:
            self.sync()

    def sync(self) -> None:
        """Have the rows so far survive a power cut.

        Raises:
            OutputError: the disk failed.
        """
        if not self._is_file:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in _NOT_SYNCABLE:
                raise self._failure(error) from error
        self._synced_at = time.monotonic()

    def trim(self) -> None:
        """Cut off a row that was interrupted in the middle."""
        if self._is_file:
            os.ftruncate(self._descriptor, self._start + self._size)

    def _write(self, line: bytes) -> None:
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
        name = "standard output" if self.path == STANDARD_OUTPUT else self.path
        return OutputError(f"cannot write to {name}: {error.strerror or error}")


@dataclass(frozen=True, slots=True)
class _Target:
    """What is opened for ``--out``.

    Attributes:
        path: what is opened.
        flags: how, beside for writing.
        is_stream: rows pass through it.
        replaces: what it takes the place of at the end, where there is something.
    """

    path: str
    flags: int
    is_stream: bool = False
    replaces: Path | None = None


@contextmanager
def open_output(destination: str, row_format: RowFormat, *, replace: bool) -> Iterator[RowWriter]:
    """Open what ``--out`` names, before anything slow is done.

    When the block ends, the rows are synced and a replacement takes its place. When it ends with
    an exception, the rows so far stay, in ``RowWriter.path``; a file without rows stays only where
    the scan was interrupted, so that a failed start can simply be repeated.

    Args:
        destination: a path, or ``-``.
        row_format: CSV or JSON lines.
        replace: an existing file may be replaced.

    Raises:
        OutputError: the output exists, or cannot be created or written.
    """
    if destination == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise OutputError("cannot write to standard output: it is closed")
        yield RowWriter(sys.stdout.fileno(), STANDARD_OUTPUT, row_format)
        return
    target = _target(destination, replace=replace)
    with _opened(target, destination) as descriptor:
        writer = None
        try:
            writer = RowWriter(descriptor, target.path, row_format)
            if target.replaces is not None:
                old = target.replaces.stat()
                writer.identities.add((old.st_dev, old.st_ino))
            yield writer
            writer.sync()
            if target.replaces is not None:
                _replace(target.replaces, Path(target.path), descriptor)
        except BaseException as error:
            interrupted = not isinstance(error, Exception)
            with contextlib.suppress(OSError):
                if writer is not None and (writer.rows or (interrupted and not target.replaces)):
                    writer.trim()
                elif not target.is_stream:
                    Path(target.path).unlink()
            raise


def _target(destination: str, *, replace: bool) -> _Target:
    old = _existing(destination)
    if old is None:
        # Another process may be quicker, or a link to nothing may lie there.
        return _Target(destination, os.O_CREAT | os.O_EXCL)
    if stat.S_ISCHR(old.st_mode) or stat.S_ISFIFO(old.st_mode):
        # Without O_NONBLOCK, opening a pipe that nobody reads would wait for ever.
        return _Target(destination, os.O_NONBLOCK, is_stream=True)
    if not stat.S_ISREG(old.st_mode):
        what = "a folder" if stat.S_ISDIR(old.st_mode) else "not a regular file"
        raise OutputError(f"cannot write to {destination}: it is {what}")
    if not replace:
        raise OutputError(f"{destination} exists; choose another name, or replace it with --force")
    # Through a link, the file that it points to is replaced, not the link.
    path = Path(destination).resolve()
    partial = f"{path}{PARTIAL_SUFFIX}"
    return _Target(partial, os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, replaces=path)


def _existing(destination: str) -> os.stat_result | None:
    try:
        return Path(destination).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write to {destination}: {error}") from error


@contextmanager
def _opened(target: _Target, destination: str) -> Iterator[int]:
    try:
        descriptor = os.open(target.path, os.O_WRONLY | target.flags, 0o666)
    except FileNotFoundError as error:
        raise OutputError(f"cannot write to {destination}: its folder does not exist") from error
    except OSError as error:
        reason = "nobody reads it" if error.errno == errno.ENXIO else error.strerror
        raise OutputError(f"cannot write to {destination}: {reason}") from error
    try:
        os.set_blocking(descriptor, True)
        yield descriptor
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _replace(old: Path, new: Path, descriptor: int) -> None:
    try:
        os.fchmod(descriptor, stat.S_IMODE(old.stat().st_mode))
        new.replace(old)
    except OSError as error:
        raise OutputError(
            f"cannot replace {old}: {error.strerror}; the rows are in {new}"
        ) from error
