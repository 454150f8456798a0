"""Files that need no scan: of an interrupted run, unchanged ones of ``--update``, other shards."""

import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from ..files.paths import stat_path
from ..files.walk import Found
from ..output.earlier import EarlierRows
from ..output.parts.shard import Shard
from ..output.reader import PathSet
from ..output.stamps import Stamp
from ..stores.found import Remote

_SETTLED_NS = 2 * 10**9
"""Age of a last change in nanoseconds; a younger file can change again within one tick of its
clock."""


class Update:
    """Reuse of earlier rows, with the size and time of each file until its row is written.

    Args:
        earlier: rows that may be taken over; ``None`` for none.
        stamp: returns what reveals a later change of a file; ``None`` if nothing does.

    Attributes:
        taken_over: number of rows that were taken over.
    """

    def __init__(
        self,
        earlier: EarlierRows | None = None,
        stamp: Callable[[Found], Stamp | None] | None = None,
    ) -> None:
        self.taken_over = 0
        self._earlier, self._stamp = earlier, stamp or stamp_of
        self._stamps: deque[Stamp | None] = deque()

    def marked(self, files: Iterable[Found]) -> Iterator[Found]:
        """Yield the files, those that are unchanged with their row."""
        for file in files:
            stamp = None if file.failure is not None else self._stamp(file)
            self._stamps.append(stamp)
            row = None
            if self._earlier is not None and stamp is not None:
                row = self._earlier.unchanged(file.path, stamp)
            self.taken_over += row is not None
            yield file if row is None else replace(file, known=row)

    def next_stamp(self) -> Stamp | None:
        """Return the stamp of the next file, in the order in which they were yielded."""
        return self._stamps.popleft()


def stamp_of(file: Found) -> Stamp | None:
    """Return the size and time of a regular file, or the size and ETag of an object.

    Return ``None`` if they cannot reveal a later change.
    """
    if isinstance(file, Remote):
        return object_stamp(file)
    try:
        status = stat_path(file.path)
    except (OSError, ValueError):
        return None
    is_settled = status.st_mtime_ns < time.time_ns() - _SETTLED_NS
    if not stat.S_ISREG(status.st_mode) or not is_settled:
        return None
    return status.st_size, status.st_mtime_ns


def object_stamp(file: Found) -> Stamp | None:
    """Return the size and ETag of an object; ``None`` if they are unknown, or for other files."""
    return file.stamp if isinstance(file, Remote) and file.failure is None else None


def _never(_path: bytes, _stamp: Stamp) -> bool:
    return False


def not_kept(
    found: Iterable[Found],
    kept: Iterator[bytes],
    is_outdated: Callable[[bytes, Stamp], bool] = _never,
) -> Iterator[Found]:
    """Yield the files that have no row yet, in the order of the walk.

    A new file is scanned at any place in the order. The row of a removed file stays, and is not
    looked at again.

    Args:
        found: files of the walk.
        kept: paths of the existing rows.
        is_outdated: returns whether an object with this path and stamp is not that of its row.
    """

    def has_changed(file: Found) -> bool:
        stamp = object_stamp(file)
        return stamp is not None and is_outdated(file.path, stamp)

    files = iter(found)
    # In this order: the pair at which one of the two ends loses its first half.
    for path, file in zip(kept, files, strict=False):
        if file.path != path:
            known = PathSet(chain([path], kept))
            for other in chain([file], files):
                if other.path not in known or has_changed(other):
                    yield other
            return
        if has_changed(file):
            yield file
    yield from files


class ShardFiles:
    """Choice of a shard's files, and the root of each until its row is written.

    Args:
        roots: roots of the walk.
        shard: part of the scan.
    """

    def __init__(self, roots: Iterable[bytes], shard: Shard) -> None:
        self._shard = shard
        self._root, self._number = b"", -1
        self._numbers: deque[int] = deque()
        # The walk of a sequence of one root needs no memory.
        is_one = isinstance(roots, Sequence) and len(roots) == 1
        self.roots: Iterable[bytes] = roots if is_one else self._taken(roots)
        if is_one:
            self._root, self._number = next(iter(roots)), 0

    def _taken(self, roots: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the roots; the walk asks for one when it is done with the one before."""
        for root in roots:
            self._root, self._number = root, self._number + 1
            yield root

    def chosen(self, files: Iterable[Found]) -> Iterator[Found]:
        """Yield the files of this shard, of all that the walk of ``roots`` finds."""
        for file in files:
            if self._shard.takes(file.path, self._root):
                yield replace(file, root=self._number)

    def noted(self, files: Iterable[Found]) -> Iterator[Found]:
        """Yield files whose rows will be written, and remember their roots."""
        for file in files:
            self._numbers.append(file.root)
            yield file

    def next_root(self) -> int:
        """Return the number of the root of the next file, in the order of ``noted``."""
        return self._numbers.popleft()
