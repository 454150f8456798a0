"""Memory that this process may use, and the share of it for decoding."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .cgroups import CGROUP_LIST, CGROUP_ROOT, cgroup_folders

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

DEFAULT_MEMORY = 2 << 30
"""Default budget in bytes: enough for one RGB picture of the largest size that is decoded by
default (``limits.MAX_PIXELS``), or for nineteen of 12 megapixels."""


_LEAST_MEMORY = 64 << 20


def default_memory() -> int:
    """Return the default budget in bytes: half of the usable memory, at most 2 GiB."""
    return max(_LEAST_MEMORY, min(DEFAULT_MEMORY, usable_memory() // 2))


def usable_memory() -> int:
    """Return the bytes that this process may use: least of machine, control groups and limits."""
    return min([_physical_memory(), *_cgroup_limits(), *_address_space()])


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 2 * DEFAULT_MEMORY


def _address_space() -> Iterator[int]:
    if resource is None:
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield soft


def _cgroup_limits(
    cgroup_list: Path = CGROUP_LIST, cgroup_root: Path = CGROUP_ROOT
) -> Iterator[int]:
    """Return the memory limits of this process's cgroup and of its ancestors, versions 1 and 2."""
    for folder in cgroup_folders("memory", cgroup_list, cgroup_root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            try:
                yield int((folder / name).read_text())
            except (OSError, ValueError):
                # The group does not exist, has the other version, or is unlimited ("max").
                continue


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process, in units of 10^6 bytes, if known."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # In kilobytes, but in bytes on macOS; see getrusage(2) of each.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
