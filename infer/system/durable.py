"""Writes that survive a power cut: fsync, on file systems that have it."""

import contextlib
import errno
import os
from importlib import import_module
from pathlib import Path

from ..errors import OutputError, one_line
from .descriptors import DIRECTORY

_NOT_SYNCABLE = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EROFS})
"""Error numbers of file systems without ``fsync``."""


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
    """Wait until the creation, new name or removal of a file is on the disk, if the system can."""
    # The rows are safe already; only their name is at stake.
    with contextlib.suppress(OSError):
        descriptor = os.open(Path(path).parent, os.O_RDONLY | DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""Error numbers of file systems without locks; there, nothing keeps two runs apart."""


def lock(descriptor: int, path: str) -> None:
    """Lock a file for this process until it closes the descriptor or ends.

    Args:
        descriptor: descriptor of the file.
        path: path of the file in messages.

    Raises:
        OutputError: another process has locked it.
    """
    try:
        # It imports the system's own module for locks.
        portalocker = import_module("portalocker")
    except ImportError:
        return
    try:
        portalocker.lock(descriptor, portalocker.LOCK_EX | portalocker.LOCK_NB)
    except portalocker.AlreadyLocked as error:
        raise OutputError(
            f"another scan writes to {path}; wait until it ends, or choose another name"
        ) from error
    except (portalocker.LockException, OSError) as error:
        reason = next((given for given in error.args if isinstance(given, OSError)), error)
        if getattr(reason, "errno", None) not in _NO_LOCKS:
            raise OutputError(f"cannot lock {path}: {one_line(reason)}") from error


Identity = tuple[int, int]
"""Device and inode."""


def identity_of(status: os.stat_result) -> Identity:
    """Return the identity of the file of a status."""
    return status.st_dev, status.st_ino
