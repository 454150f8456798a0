"""What is written survives a power cut: fsync, where the file system has it."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from ..errors import OutputError

_NOT_SYNCABLE = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EROFS})
"""What file systems answer that have no ``fsync``."""


def sync_file(descriptor: int) -> None:
    """Wait until the content of a file is on the disk.

    Raises:
        OSError: the disk failed.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SYNCABLE:
            raise


def sync_folder_of(path: str) -> None:
    """Have a file that was created, renamed or removed be so on the disk too, where that works."""
    # The rows themselves are safe already: this is about their name alone.
    with contextlib.suppress(OSError):
        descriptor = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""What file systems answer that cannot lock; there, nothing keeps two runs apart."""


def lock(descriptor: int, path: str) -> None:
    """Take a file for this process until it closes the descriptor or ends.

    Args:
        descriptor: of the file.
        path: as messages call it.

    Raises:
        OutputError: another process has it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f"another scan writes to {path}; wait until it ends, or choose another name"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise OutputError(f"cannot lock {path}: {error.strerror}") from error


Identity = tuple[int, int]
"""Device and inode."""


def identity_of(status: os.stat_result) -> Identity:
    """Which file a status is of."""
    return status.st_dev, status.st_ino
