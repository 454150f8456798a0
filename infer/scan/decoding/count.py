"""Number of decode processes: the usual one, and what memory and descriptors allow."""

from contextlib import suppress
from pathlib import Path

from ...system.memory import usable_memory

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

LEAST_MEMORY = 32 << 20
"""Least useful memory of a decode process in bytes, enough for about 3 megapixels."""

PROCESS_SHARE = 0.75
"""Share of the decoding memory for decode processes; the rest is for files that they leave."""

_LEAST_THREADS = 8
"""Number of decode threads from which each gets a process; fewer do not wait enough for the GIL."""

_OWN_MEMORY = 48 << 20
"""Bytes that a decode process uses before it decodes anything."""

_OWN_SHARE = 1 / 8
"""Share of this process's memory for the decode processes' own use."""

_OTHER_DESCRIPTORS = 64
"""Descriptors kept free for the walk, threads' files, workers, and the start of a process."""

_DESCRIPTORS_EACH = 4
"""Descriptors for each process: its memory, two pipes, and a file that its thread reads itself."""

_OPEN_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))


def usual_decode_processes(decode_threads: int) -> int:
    """Return the default number of decode processes."""
    return decode_threads if decode_threads >= _LEAST_THREADS else 0


def affordable_processes(wanted: int, memory: int) -> int:
    """Return the wanted number of decode processes, or fewer.

    Args:
        wanted: wanted number.
        memory: bytes for all files that are decoded at once.
    """
    by_memory = int(PROCESS_SHARE * memory) // LEAST_MEMORY
    by_size = int(_OWN_SHARE * usable_memory()) // _OWN_MEMORY
    by_descriptors = (_free_descriptors() - _OTHER_DESCRIPTORS) // _DESCRIPTORS_EACH
    return max(0, min(wanted, by_memory, by_size, by_descriptors))


def _free_descriptors() -> int:
    if resource is None:
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    for folder in _OPEN_DESCRIPTORS:
        with suppress(OSError):
            return soft - sum(1 for _ in folder.iterdir())
    return 0
