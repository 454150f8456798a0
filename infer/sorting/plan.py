"""Choice of pictures and their places: from rows to files below the folders of the verdicts."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..output.finished import CommonFolder, FinishedRows
from ..output.rows import COLUMNS, unescape_path
from ..output.stamps import Stamp, Stamps
from .request import Action, Shelf, SortRequest

_PATH, _VERDICT, _P_AI, _BYTES = (
    COLUMNS.index(name) for name in ("path", "verdict", "p_ai", "bytes")
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A picture to sort.

    Attributes:
        path: path as the rows have it, escaped.
        source: absolute path of the file.
        target: path below the sorted folder.
        shelf: folder of its verdict.
        size: size in bytes when it was scanned; ``None`` if unknown.
    """

    path: str
    source: Path
    target: Path
    shelf: Shelf
    size: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Common facts of all rows.

    Attributes:
        files: number of rows.
        base: deepest folder that holds all files; places are relative to it.
        start: absolute path of the folder in which the scan ran.
    """

    files: int
    base: str
    start: str


def layout_of(rows: FinishedRows, request: SortRequest) -> Layout:
    """Read all rows once, also those that are not chosen: a choice changes no place.

    Raises:
        InputError: the rows cannot be read.
    """
    common, count = CommonFolder(), 0
    start = str((Path.cwd() / (request.folder or "")).absolute())
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last number counts
        common.add(_absolute(row[_PATH], start))
    return Layout(count, common.folder, start)


def choose(rows: FinishedRows, layout: Layout, request: SortRequest) -> Iterator[Chosen]:
    """Yield the pictures that a request asks for, in the order of the rows.

    Raises:
        InputError: the rows cannot be read.
    """
    for row in rows:
        shelf = Shelf(row[_VERDICT] or Shelf.FAILED)
        if request.only and shelf not in request.only:
            continue
        if request.min_p is not None and (not row[_P_AI] or float(row[_P_AI]) < request.min_p):
            continue
        source = _absolute(row[_PATH], layout.start)
        target = source.removeprefix(layout.base).lstrip("/")
        yield Chosen(
            row[_PATH],
            Path(source),
            Path(shelf.value) / target,
            shelf,
            int(row[_BYTES]) if row[_BYTES] else None,
        )


def _absolute(text: str, start: str) -> str:
    path = os.fsdecode(unescape_path(text))
    absolute = path if path.startswith("/") else f"{start}/{path}"
    # POSIX keeps two slashes at the beginning, where they may mean something else.
    return f"/{os.path.normpath(absolute).lstrip('/')}"


class Scanned:
    """Knowledge of a finished output about its files at the time of the scan.

    Args:
        rows: the output.
        stamps: sizes and times of ``--update``; ``None`` if there are none.
    """

    def __init__(self, rows: FinishedRows, stamps: Stamps | None) -> None:
        self._time, self._stamps = rows.time, stamps

    def why_left(self, chosen: Chosen, action: Action) -> tuple[str, Stamp]:
        """Return why a picture must stay where it is, or its size and time.

        The text is empty if the picture is the one that was scanned. With the stamps of an update,
        size and time decide. Without them a picture counts as changed if its size differs from its
        row's, or if it was written after the rows.
        """
        try:
            status = chosen.source.lstat()
            is_link = stat.S_ISLNK(status.st_mode)
            status = chosen.source.stat() if is_link else status
        except FileNotFoundError:
            return "gone since the scan", (0, 0)
        except (OSError, ValueError) as error:
            return f"cannot be read ({getattr(error, 'strerror', None) or error})", (0, 0)
        now = status.st_size, status.st_mtime_ns
        if not stat.S_ISREG(status.st_mode):
            return "not a regular file", now
        if is_link and action is Action.MOVE:
            return "a link, which would point elsewhere from another folder", now
        return ("changed since the scan" if self._is_changed(chosen, now) else ""), now

    def _is_changed(self, chosen: Chosen, now: Stamp) -> bool:
        if self._stamps is not None:
            stamp = self._stamps.find(unescape_path(chosen.path))
            if stamp is not None:
                return stamp != now
        size, time = now
        return chosen.size not in (None, size) or time > self._time
