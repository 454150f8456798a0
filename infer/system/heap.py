"""Freed memory of large pictures, returned to the system at once.

glibc keeps freed blocks in one arena for each thread. With many decode threads these arenas hold
several times what is in use, and the limit on memory does not hold.
"""

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
"""Parameter of ``mallopt``, from glibc's ``malloc.h``."""

_LARGE_BLOCK = 1 << 20
"""Bytes from which a block has pages of its own. Pictures are larger; the rest of a scan is not."""


def return_large_blocks() -> bool:
    """Let the C library return large blocks to the system as soon as they are freed.

    Returns:
        True if it does; false where the C library has no ``mallopt``, as on macOS and Windows.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK))
