"""What is written survives a power cut: fsync, where the file system has it."""

import contextlib
import errno
import os
from pathlib import Path

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
