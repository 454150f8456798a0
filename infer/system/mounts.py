"""Mount points, such as a container's single files, which can be written but not replaced."""

import re
from pathlib import Path

MOUNT_LIST = Path("/proc/self/mountinfo")

_PLACE = 4
"""Field of the mount point in a line of the list, see proc(5)."""


def is_mount_point(path: Path, mount_list: Path = MOUNT_LIST) -> bool:
    """Return whether something is mounted at a path; false on systems without a list.

    Args:
        path: a file or folder.
        mount_list: the mounts that this process sees.
    """
    try:
        lines = mount_list.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    # The last mount of a place hides those before it, so any match is enough.
    return str(path.resolve()) in {_unescaped(line.split()[_PLACE]) for line in lines}


def _unescaped(place: str) -> str:
    """Return a path whose spaces, tabs, line feeds and backslashes are written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda escape: chr(int(escape[1], 8)), place)
