"""Folders with the limits of this process's container: its control groups, versions 1 and 2."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUP_LIST = Path("/proc/self/cgroup")
CGROUP_ROOT = Path("/sys/fs/cgroup")


def cgroup_folders(
    controller: str, cgroup_list: Path = CGROUP_LIST, cgroup_root: Path = CGROUP_ROOT
) -> Iterator[Path]:
    """Return the folders of this process's groups and of all their ancestors; some may not exist.

    Args:
        controller: ``cpu`` or ``memory``; in version 2, one group has all of them.
        cgroup_list: the process's cgroups, see ``man 7 cgroups``.
        cgroup_root: mount point of the cgroup file systems.
    """
    try:
        lines = cgroup_list.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0":
            mount = cgroup_root
        elif controller in controllers.split(","):
            mount = cgroup_root / controllers
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        # Inside a container the path may be the host's; then only the mount's root exists here.
        yield from (mount / ancestor for ancestor in (group, *group.parents))
