"""Folders to sort, and what is in them."""

import hashlib
import os
import stat
import time
from pathlib import Path

from report.pages import judged, write_rows

from trustthepixels.infer.results import FileStatus, ScanRow

PAST = time.time_ns() - 3600 * 10**9
"""A time before every scan of these tests."""

VERDICTS = {
    "photos/a.jpg": ("ai", 0.97),
    "photos/2024/b.png": ("unsure", 0.6),
    "photos/2024/c.jpg": ("real", 0.1),
    "photos/2024/deep/d.jpg": ("ai", 0.92),
    "photos/e.jpg": ("", 0.0),
}


def make_tree(folder: Path) -> Path:
    """Pictures with sidecars, and the rows of their scan; returns the path of the rows."""
    rows = []
    for number, (name, (label, p_ai)) in enumerate(VERDICTS.items()):
        put(folder / name, f"picture {number}".encode())
        size = (folder / name).stat().st_size
        if label:
            rows.append(judged(name, p_ai, label, bytes=size))
        else:
            rows.append(ScanRow(name, FileStatus.CORRUPT, bytes=size, error="damaged"))
    put(folder / "photos/a.jpg.xmp", b"settings")
    put(folder / "photos/2024/c.json", b"{}")
    put(folder / "photos/2024/other.txt", b"no sidecar")
    (folder / "photos/2024/c.jpg").chmod(0o640)
    return write_rows(folder / "rows.csv", rows)


def put(path: Path, content: bytes) -> Path:
    """Write an old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(PAST, PAST))
    return path


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder: kinds, permissions, times, contents and targets of links."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(folder))
        if stat.S_ISLNK(status.st_mode):
            found[name] = ("link", str(path.readlink()))
        elif stat.S_ISDIR(status.st_mode):
            found[name] = ("folder",)
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = (stat.S_IMODE(status.st_mode), status.st_mtime_ns, digest)
    return found


def files_in(folder: Path) -> list[str]:
    """Files and links below a folder, without the journal."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.is_dir() and path.name != ".trustthepixels-sort"
    )
