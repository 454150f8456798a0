"""Cores that this process may use: affinity and container quota, not the host's cores."""

import math
import os
from pathlib import Path

from .cgroups import CGROUP_LIST, CGROUP_ROOT, cgroup_folders


def available_cores() -> int:
    """Return the number of cores that this process may keep busy, at least 1.

    It is the smaller of the CPU affinity and the tightest cgroup quota above this process. A quota
    of 1.5 cores counts as 1: a throttled pool stalls all of its threads at once.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = cgroup_quota()
    return max(1, cores if quota is None else min(cores, math.floor(quota)))


def cgroup_quota(cgroup_list: Path = CGROUP_LIST, cgroup_root: Path = CGROUP_ROOT) -> float | None:
    """Return the tightest CPU quota on this process in cores; ``None`` if there is none.

    Args:
        cgroup_list: the process's cgroups, see ``man 7 cgroups``.
        cgroup_root: mount point of the cgroup file systems.
    """
    quotas = [
        quota
        for folder in cgroup_folders("cpu", cgroup_list, cgroup_root)
        if (quota := _quota(folder)) is not None
    ]
    return min(quotas, default=None)


def _quota(folder: Path) -> float | None:
    """Return the CPU time per period of one cgroup, in cores."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        # "max" in version 2 is not a number.
        return None
    # Version 1 writes -1 for no limit.
    return cores if cores > 0 else None
