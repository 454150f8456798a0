"""How many helper processes a scan may have: by threads, memory and descriptors."""

import resource
from contextlib import suppress
from pathlib import Path

from .helpers import DESCRIPTORS
from .system.memory import usable_memory

LEAST_MEMORY = 32 << 20
"""Bytes with which a helper can decode pictures worth helping with, about 3 megapixels."""

HELPED_SHARE = 0.75
"""Of the memory for all files that are decoded; the rest is for what helpers leave."""

_HELPED_THREADS = 8
"""From so many decode threads on each gets a helper; fewer are not held up enough to pay for it."""

_OWN_MEMORY = 48 << 20
"""Bytes that a helper takes before it decodes anything."""

_OWN_SHARE = 1 / 8
"""Of the memory that this process may use, for what helpers take so."""

_OTHER_DESCRIPTORS = 64
"""Kept free for the walk, the files that threads read, workers, and the start of a helper."""

_DESCRIPTORS_EACH = DESCRIPTORS + 1
"""A thread with a helper also reads files itself."""

_OPEN_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))


def usual_decode_processes(decode_threads: int) -> int:
    """Helpers where the user does not say otherwise."""
    return decode_threads if decode_threads >= _HELPED_THREADS else 0


def affordable_helpers(wanted: int, memory: int) -> int:
    """So many as wanted, or fewer.

    Args:
        wanted: how many.
        memory: bytes for all files that are decoded at once.
    """
    by_memory = int(HELPED_SHARE * memory) // LEAST_MEMORY
    by_size = int(_OWN_SHARE * usable_memory()) // _OWN_MEMORY
    by_descriptors = (_free_descriptors() - _OTHER_DESCRIPTORS) // _DESCRIPTORS_EACH
    return max(0, min(wanted, by_memory, by_size, by_descriptors))


def _free_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    for folder in _OPEN_DESCRIPTORS:
        with suppress(OSError):
            return soft - sum(1 for _ in folder.iterdir())
    return 0
