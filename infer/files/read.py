"""Bytes of one file, read without waiting for, or trusting, whatever is at its path.

Only regular files are opened. The type is checked before (opening a device can act on it) and again
on the descriptor (the path can change in between). Opening never blocks, as it would on a FIFO. The
file is copied into memory at once, because a mapped file that shrinks kills the reader.
"""

import errno
import os
import re
import stat

from ..errors import ImageError
from ..results import FileStatus
from ..system.descriptors import BINARY, NO_CONTROL, NO_WAIT
from .paths import reachable

# Python adds O_CLOEXEC (PEP 446).
_OPEN_FLAGS = os.O_RDONLY | BINARY | NO_WAIT | NO_CONTROL
_NEVER_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})
_GONE = _NEVER_THERE | {errno.ESTALE}

NO_ANSWER = "the store does not answer"
"""Beginning of the reason why an object of a store that is gone cannot be read."""

_LOST = re.compile(
    r"(?:^|: )(?:ESTALE|ENOTCONN|EIO|EREMOTEIO|ENODEV|ENXIO|ETIMEDOUT|ESHUTDOWN"
    rf"|ECONN[A-Z]+|EHOST[A-Z]+|ENET[A-Z]+): |^{NO_ANSWER}"
)
"""Errors of file systems whose server or disk does not answer, as ``os_failure`` writes them."""

_MOST_LATE_READS = 1000
"""Most reads beyond the size that a file had when it was opened; a file that grows faster is still
being written. Some file systems report 0 for every size, so a few must be allowed."""


class ReadError(ImageError):
    """A file that could not be read.

    Attributes:
        size: its size in bytes; ``None`` if unknown.
    """

    def __init__(self, status: FileStatus, reason: str, size: int | None = None) -> None:
        super().__init__(status, reason)
        self.size = size


class MissingFileError(ReadError, FileNotFoundError):
    """A named file that does not exist; Python's own error as well, with ``filename``."""

    def __init__(self, path: bytes, reason: str, number: int) -> None:
        super().__init__(FileStatus.MISSING, reason)
        self.errno = number
        self.filename = os.fsdecode(path)

    def __str__(self) -> str:
        """Return the status, the path and the reason in one line."""
        return f"{self.status.value}: {self.filename!r} ({self.reason})"


def read_named_file(path: bytes, max_bytes: int) -> bytes:
    """Read a whole regular file that the user named.

    Args:
        path: path as the operating system takes it.
        max_bytes: a larger file is refused before it is read.

    Raises:
        MissingFileError: it does not exist.
        ReadError: ``unreadable`` (with the errno), ``vanished`` or ``too_large``.
    """
    try:
        return read_file(path, max_bytes)
    except ReadError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _NEVER_THERE:
            raise MissingFileError(path, error.reason, cause.errno) from cause
        raise


def read_file(path: bytes, max_bytes: int) -> bytes:
    """Read a whole regular file.

    Args:
        path: path as the operating system takes it.
        max_bytes: a larger file is refused before it is read.

    Raises:
        ReadError: ``vanished``, ``unreadable`` (with the errno) or ``too_large``.
    """
    try:
        with reachable(path) as (name, folder):
            _size_of_regular_file(os.stat(name, dir_fd=folder), max_bytes)
            descriptor = os.open(name, _OPEN_FLAGS, dir_fd=folder)
        try:
            size = _size_of_regular_file(os.fstat(descriptor), max_bytes)
            return _read(descriptor, size, max_bytes)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise os_failure(path, error) from error
    except ValueError as error:
        raise ReadError(FileStatus.UNREADABLE, "the path contains a NUL byte") from error
    except MemoryError as error:
        raise ReadError(FileStatus.TOO_LARGE, "not enough memory to read it") from error


def os_failure(path: bytes, error: OSError) -> ReadError:
    """Return the failure of a system call on a path: ``vanished`` or ``unreadable``."""
    name = errno.errorcode.get(error.errno or 0, f"errno {error.errno}")
    reason = f"{name}: {error.strerror or error}"
    if error.errno not in _GONE:
        return ReadError(FileStatus.UNREADABLE, reason)
    if error.errno == errno.ENOENT and _is_link(path):
        return ReadError(FileStatus.UNREADABLE, f"a link to nothing ({reason})")
    return ReadError(FileStatus.VANISHED, reason)


def missing(path: bytes, error: OSError) -> ReadError:
    """Return the failure of a named path; a path that does not exist is ``missing``."""
    failure = os_failure(path, error)
    if failure.status is FileStatus.VANISHED and error.errno in _NEVER_THERE:
        return ReadError(FileStatus.MISSING, failure.reason)
    return failure


def is_lost(reason: str) -> bool:
    """Return whether the reason of a row says that a share or disk is gone, and not one file."""
    return _LOST.search(reason) is not None


def first_bytes(path: bytes, count: int) -> bytes:
    """Return the beginning of a regular file; nothing for anything else.

    Raises:
        OSError: the file cannot be read.
    """
    with reachable(path) as (name, folder):
        if not stat.S_ISREG(os.stat(name, dir_fd=folder).st_mode):
            return b""
        descriptor = os.open(name, _OPEN_FLAGS, dir_fd=folder)
    try:
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, count) if is_regular else b""
    finally:
        os.close(descriptor)


def _size_of_regular_file(status: os.stat_result, max_bytes: int) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(FileStatus.UNREADABLE, f"not a regular file ({_kind(status.st_mode)})")
    if status.st_size > max_bytes:
        reason = f"{status.st_size} bytes, limit {max_bytes}"
        raise ReadError(FileStatus.TOO_LARGE, reason, status.st_size)
    return status.st_size


def _read(descriptor: int, size: int, max_bytes: int) -> bytes:
    """Read to the end, which may differ from ``size``; at most ``max_bytes`` and one."""
    # One byte more than the size: the usual file then takes one read, and one that finds the end.
    parts = [os.read(descriptor, size + 1)]
    length, late_reads = len(parts[0]), 0
    while more := os.read(descriptor, min(1 << 20, max_bytes + 1 - length)):
        parts.append(more)
        length += len(more)
        late_reads += length > size
        if late_reads > _MOST_LATE_READS:
            reason = f"still being written: it grew from {size} to {length} bytes while it was read"
            raise ReadError(FileStatus.UNREADABLE, reason, length)
    if length > max_bytes:
        reason = f"grew beyond the limit of {max_bytes} bytes while it was read"
        raise ReadError(FileStatus.TOO_LARGE, reason, length)
    return b"".join(parts)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
        stat.S_IFDIR: "a folder",
    }
    return kinds.get(stat.S_IFMT(mode), "of an unknown type")


def _is_link(path: bytes) -> bool:
    try:
        with reachable(path) as (name, folder):
            return stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode)
    except OSError:
        return False
