"""Tasks of a sort: what is to be done for one picture and its sidecars."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..output.stamps import Stamp
from ..system.terminal import printable
from .place import is_same, link_text, stamp_at
from .plan import Chosen, Scanned
from .request import Action, Shelf
from .sidecars import sidecars_of

Tell = Callable[[str], None]


@dataclass(slots=True)
class Sorted:
    """Result of a sort.

    Attributes:
        pictures: number of sorted pictures by shelf.
        sidecars: number of sidecars that went along.
        there: pictures that were at their place already.
        left: pictures that were left where they are, each with a line for the user.
    """

    pictures: Counter[Shelf] = field(default_factory=Counter)
    sidecars: int = 0
    there: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One file to sort.

    Attributes:
        action: action on it.
        source: absolute path.
        target: path below the sorted folder.
        stamp: its size and time.
        shelf: shelf of a picture; ``None`` for a sidecar.
    """

    action: Action
    source: Path
    target: Path
    stamp: Stamp
    shelf: Shelf | None = None


class Planner:
    """Decisions on pictures, with the counts of what was done and left.

    Args:
        root: absolute path of the sorted folder.
        action: action on each picture.
        scanned: knowledge of the scan about its files.
        tell: takes a line for each file that is left.

    Attributes:
        root: absolute path of the sorted folder.
        result: counts so far.
    """

    def __init__(self, root: Path, action: Action, scanned: Scanned, tell: Tell) -> None:
        self.root = root
        self.result = Sorted()
        self._action, self._scanned, self._tell = action, scanned, tell
        self._leaving: set[Path] = set()

    def at(self, task: Task) -> Path:
        """Return the absolute path of a task's target."""
        return self.root / task.target

    def tasks(self, chosen: Chosen) -> list[Task]:
        """Return a picture's task and those of its sidecars; none if it stays or is there."""
        reason, stamp = self._scanned.why_left(chosen, self._action)
        task = Task(self._action, chosen.source, chosen.target, stamp, chosen.shelf)
        if self._was_moved(task, chosen.size) if reason else self.is_there(task):
            self.result.there += 1
            # A kill can have come between a picture and its sidecars.
            return list(self._beside(chosen))
        if not reason and stamp_at(self.at(task)) is not None:
            reason = self.taken(task)
        if reason:
            self.leave(task, reason)
            return []
        if self._action is Action.MOVE:
            self._leaving.add(chosen.source)
        return [task, *self._beside(chosen)]

    def forget_leaving(self) -> None:
        """Forget which files were about to leave; they have left."""
        self._leaving.clear()

    def count(self, task: Task) -> None:
        """Count a task that was done."""
        if task.shelf is None:
            self.result.sidecars += 1
        else:
            self.result.pictures[task.shelf] += 1

    def is_there(self, task: Task) -> bool:
        """Return whether a task was done before, or is not needed."""
        at = self.at(task)
        now = stamp_at(at)
        if now is None:
            return False
        if task.action is Action.LINK:
            return at.is_symlink() and str(at.readlink()) == link_text(task.source, at)
        # A sidecar may have come with another picture of its stem.
        may_be_copy = task.action is Action.COPY or task.shelf is None
        return may_be_copy and is_same(now, task.stamp) and not at.is_symlink()

    def leave(self, task: Task, reason: str) -> None:
        """Count a file that stays where it is, and say so."""
        self.result.left += 1
        self._tell(f"left {printable(task.source)}: {reason}")

    def taken(self, task: Task) -> str:
        """Return the reason for a file whose place is taken."""
        return f"another file is at {printable(self.at(task))}"

    def _beside(self, chosen: Chosen) -> Iterator[Task]:
        """Yield the tasks of a picture's sidecars."""
        for sidecar in sidecars_of(chosen.source, self._leaving):
            # The other file of its stem may go elsewhere.
            is_copied = self._action is Action.MOVE and sidecar.is_shared
            action = Action.COPY if is_copied else self._action
            stamp = sidecar.status.st_size, sidecar.status.st_mtime_ns
            target = chosen.target.with_name(sidecar.path.name)
            task = Task(action, sidecar.path, target, stamp)
            if stamp_at(self.at(task)) is None:
                yield task
            elif not self.is_there(task):
                self.leave(task, self.taken(task))

    def _was_moved(self, task: Task, size: int | None) -> bool:
        """Return whether a picture that cannot be taken was moved by an earlier run."""
        now = stamp_at(self.at(task))
        is_gone = task.action is Action.MOVE and stamp_at(task.source) is None
        return is_gone and now is not None and size in (None, now[0])
