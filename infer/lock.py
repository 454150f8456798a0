"""One run at a time on one output.

The lock is the kernel's (flock(2)), on the open file itself: it ends with the process, however that
ends, so nothing has to be cleaned up after a crash.
"""

import errno
import fcntl

from .errors import OutputError

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
