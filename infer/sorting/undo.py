"""Reversal of sorts, last action first, and the settling of actions that a kill interrupted."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from ..errors import one_line
from ..system.terminal import printable
from .journal import Entry, Journal, State, open_journal
from .place import is_claim, is_same, link_text, move_back, remove_partial, stamp_at
from .request import Action, Mode

Tell = Callable[[str], None]


@dataclass(slots=True)
class Undone:
    """Result of an undo.

    Attributes:
        files: number of files that are back, or whose copies and links are gone.
        left: number of files that were left as they are, each with a line for the user.
    """

    files: int = 0
    left: int = 0


class _Found(Enum):
    """Outcome of an action, as its files tell."""

    NOTHING = auto()
    """Nothing is at its place."""
    CLAIMED = auto()
    """Its name is claimed, and the file did not come."""
    HAPPENED = auto()
    COPIED = auto()
    """A move across file systems copied the file, and did not remove the old one."""
    FOREIGN = auto()
    """Something else is at its place."""


def undo_sorts(into: str, mode: Mode, print_line: Tell, tell: Tell) -> Undone:
    """Reverse everything that the journal of a folder knows, and remove the journal.

    Args:
        into: sorted folder.
        mode: do it, or print what would be done.
        print_line: takes the lines of a dry run.
        tell: takes a line for each file that is left.

    Raises:
        InputError: the folder has no journal, or an invalid one.
        OutputError: the journal cannot be written.
    """
    root = Path(into).absolute()
    journal, descriptor = open_journal(into)
    result = Undone()
    try:
        for number in reversed(range(len(journal))):
            if journal.state(number) is State.DROPPED:
                continue
            entry = journal.entry(number)
            if mode is Mode.DRY_RUN:
                print_line(_in_words(entry, root))
                result.files += 1
                continue
            reason = _undo(journal, entry, root)
            if reason:
                result.left += 1
                tell(f"left {printable(root / os.fsdecode(entry.target))}: {reason}")
            else:
                journal.dropped(entry)
                result.files += 1
        if mode is Mode.DO and not result.left:
            _finish(journal, root)
    finally:
        os.close(descriptor)
    return result


def settle(journal: Journal, root: Path) -> None:
    """End the actions that a kill interrupted: note those that happened, clean up after others.

    Raises:
        OutputError: the journal cannot be written.
    """
    for number in range(len(journal)):
        if journal.state(number) is not State.PENDING:
            continue
        entry = journal.entry(number)
        target = root / os.fsdecode(entry.target)
        remove_partial(target, entry)
        found = _found(entry, root)
        if found is _Found.HAPPENED:
            journal.done(entry, stamp_at(target) or entry.stamp)
            continue
        if found in (_Found.CLAIMED, _Found.COPIED):
            target.unlink()
        journal.dropped(entry)


def _undo(journal: Journal, entry: Entry, root: Path) -> str:
    """Reverse one action; return the reason if it must stay."""
    source, target = Path(os.fsdecode(entry.source)), root / os.fsdecode(entry.target)
    is_claimed = journal.was_undoing(entry)
    remove_partial(target, entry)
    remove_partial(source, entry)
    if journal.state(entry.number) is State.DONE:
        found = _found_done(journal, entry, root)
    else:
        found = _found(entry, root)
    try:
        if found is _Found.FOREIGN:
            return "it changed since it was sorted"
        if found in (_Found.CLAIMED, _Found.COPIED):
            target.unlink()
        elif found is _Found.HAPPENED and entry.action is Action.MOVE:
            journal.undoing(entry)
            move_back(entry, root, is_claimed=is_claimed)
        elif found is _Found.HAPPENED:
            if entry.action is Action.COPY and stamp_at(source) is None:
                return "it is the only copy left, because the original is gone"
            target.unlink()
    except FileExistsError:
        return f"another file is at {printable(source)}"
    except OSError as error:
        return one_line(error)
    return ""


def _found_done(journal: Journal, entry: Entry, root: Path) -> _Found:
    """Return the present state of an action that happened."""
    target = root / os.fsdecode(entry.target)
    now = stamp_at(target)
    if now is None:
        return _Found.NOTHING
    if entry.action is Action.LINK:
        return _link_found(entry, target)
    is_ours = now == journal.result(entry.number) and not target.is_symlink()
    return _Found.HAPPENED if is_ours else _Found.FOREIGN


def _found(entry: Entry, root: Path) -> _Found:
    """Return the outcome of an action whose end is not in the journal."""
    source, target = Path(os.fsdecode(entry.source)), root / os.fsdecode(entry.target)
    now, old = stamp_at(target), stamp_at(source)
    if now is None:
        return _Found.NOTHING
    if entry.action is Action.LINK:
        return _link_found(entry, target)
    if old is not None and is_claim(target):
        return _Found.CLAIMED
    if not is_same(now, entry.stamp) or target.is_symlink():
        return _Found.FOREIGN
    if entry.action is Action.MOVE and old is not None:
        return _Found.COPIED if is_same(old, entry.stamp) else _Found.FOREIGN
    return _Found.HAPPENED


def _link_found(entry: Entry, target: Path) -> _Found:
    source = Path(os.fsdecode(entry.source))
    is_ours = target.is_symlink() and str(target.readlink()) == link_text(source, target)
    return _Found.HAPPENED if is_ours else _Found.FOREIGN


def _finish(journal: Journal, root: Path) -> None:
    """Remove the folders that the sorts made, where they are empty, and the journal."""
    for folder in journal.folders():
        with contextlib.suppress(OSError):
            (root / os.fsdecode(folder)).rmdir()
    journal.remove()
    if journal.made_folder:
        with contextlib.suppress(OSError):
            root.rmdir()


def _in_words(entry: Entry, root: Path) -> str:
    target = printable(root / os.fsdecode(entry.target))
    if entry.action is Action.MOVE:
        return f"move {target} -> {printable(os.fsdecode(entry.source))}"
    return f"remove {target}"
