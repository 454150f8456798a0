"""Single actions on files, and their reversal. Nothing here replaces a file that it did not make.

A new name is claimed first, by an empty file that only its maker can create. Then the picture takes
that name. A kill in between leaves the empty file, which the journal tells from a picture.
"""

import contextlib
import errno
import functools
import os
import shutil
import stat
from pathlib import Path

from ..output.stamps import Stamp
from ..system.durable import sync_file
from .journal import Entry
from .request import Action

_COARSEST_NS = 2 * 10**9
"""Nanoseconds between two times that FAT can store."""


class ChangedError(Exception):
    """A file changed while it was copied."""


def perform(entry: Entry, root: Path) -> Stamp:
    """Do an action; return size and time of what is at its place then.

    Args:
        entry: the action.
        root: sorted folder.

    Raises:
        FileExistsError: its place is taken.
        ChangedError: the file changed meanwhile.
        OSError: it cannot be done; nothing is left at its place.
    """
    source, target = Path(os.fsdecode(entry.source)), root / os.fsdecode(entry.target)
    if entry.action is Action.LINK:
        target.symlink_to(link_text(source, target))
    elif entry.action is Action.COPY:
        _copy(source, target, entry, is_last=False)
    else:
        _move(source, target, entry)
    return stamp_at(target) or entry.stamp


def link_text(source: Path, target: Path) -> str:
    """Return the text of a link at ``target``, relative, so that both may move together."""
    return os.path.relpath(_resolved(source.parent) / source.name, _resolved(target.parent))


@functools.lru_cache(maxsize=256)
def _resolved(folder: Path) -> Path:
    return folder.resolve()


def stamp_at(path: Path) -> Stamp | None:
    """Return size and time of a file or link itself; ``None`` if nothing is there."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def is_same(stamp: Stamp, other: Stamp) -> bool:
    """Return whether two files have one size and time, as far as a file system keeps times."""
    return stamp[0] == other[0] and abs(stamp[1] - other[1]) <= _COARSEST_NS


def move_back(entry: Entry, root: Path, *, is_claimed: bool) -> None:
    """Move a file from its new place to its old one.

    Args:
        entry: the action to reverse.
        root: sorted folder.
        is_claimed: true if an undo that was killed may have claimed the old name.

    Raises:
        FileExistsError: another file is at the old place.
        OSError: it cannot be done; the file is at its new place.
    """
    source, target = Path(os.fsdecode(entry.source)), root / os.fsdecode(entry.target)
    source.parent.mkdir(parents=True, exist_ok=True)
    now, there = stamp_at(source), stamp_at(target)
    if is_claimed and now is not None and is_claim(source):
        source.unlink()
    elif is_claimed and now is not None and there is not None and is_same(now, there):
        # It was copied to another file system before the undo was killed.
        target.unlink()
        return
    _move(target, source, entry)


def is_claim(path: Path) -> bool:
    """Return whether a file is empty, like one that claims a name; removing it loses nothing."""
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def remove_partial(path: Path, entry: Entry) -> None:
    """Remove an unfinished copy of an action next to a path, if there is one."""
    with contextlib.suppress(OSError):
        (path.parent / os.fsdecode(entry.partial)).unlink()


def _move(old: Path, new: Path, entry: Entry) -> None:
    _claim(new)
    try:
        old.rename(new)
    except OSError as error:
        new.unlink()
        if error.errno != errno.EXDEV:
            raise
        _copy(old, new, entry, is_last=True)
        old.unlink()


def _copy(old: Path, new: Path, entry: Entry, *, is_last: bool) -> None:
    """Copy content, times, permissions and extended attributes.

    Args:
        old: file to read.
        new: path that nothing has.
        entry: the action.
        is_last: true if ``old`` is to be removed, so the copy must be on the disk.
    """
    partial = new.parent / os.fsdecode(entry.partial)
    before = _content_stamp(old)
    try:
        shutil.copyfile(old, partial)
        shutil.copystat(old, partial)
        if _content_stamp(old) != before or partial.stat().st_size != before[0]:
            raise ChangedError
        if is_last:
            _sync(partial)
        _claim(new)
        try:
            partial.replace(new)
        except OSError:
            new.unlink()
            raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _content_stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def _claim(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
