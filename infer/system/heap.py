"""Freed memory of large pictures, returned to the system at once.

glibc keeps freed blocks in one arena for each thread. With many decode threads these arenas hold
several times what is in use, and the limit on memory does not hold.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""Parameters of ``mallopt``, from glibc's ``malloc.h``."""

_SMALLEST_BLOCK, _LARGEST_BLOCK = 1 << 20, 32 << 20
"""Bytes: ordinary pictures are smaller; glibc takes no larger limit."""


def return_large_blocks(kept: int) -> bool:
    """Let the C library return large blocks to the system as soon as they are freed.

    Args:
        kept: bytes of freed memory that each thread may keep. Blocks from a quarter of it, but at
            least 1 MiB and at most 32 MiB, have pages of their own. New pages cost processor time.

    Returns:
        True if it does; false where the C library has no ``mallopt``, as on macOS and Windows.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    block = max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, kept // 4))
    # With the first alone, an arena would return its end after almost every picture.
    return bool(mallopt(_M_MMAP_THRESHOLD, block) and mallopt(_M_TRIM_THRESHOLD, 2 * block))
