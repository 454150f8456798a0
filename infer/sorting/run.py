"""A sort from its request to the last picture."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from ..errors import OutputError, one_line
from ..output.finished import finished_rows
from ..system.terminal import printable
from .journal import Entry, Journal, open_journal
from .place import ChangedError, perform, stamp_at
from .plan import Chosen, Scanned, choose, layout_of
from .request import Mode, SortRequest
from .tasks import Planner, Sorted, Task, Tell
from .undo import settle

_BATCH = 512
"""Pictures whose actions are written to the journal at once, and synced."""

_FATAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOTSUP})
"""Errors that the next picture would meet too."""


def sort_pictures(
    request: SortRequest, print_line: Tell, tell: Tell, step: Callable[[int], Callable[[], None]]
) -> Sorted:
    """Sort the pictures of a scan into folders, or print what would be done.

    Args:
        request: what to do.
        print_line: takes the lines of a dry run.
        tell: takes a line for each picture that is left.
        step: opens a display of so many pictures; its value is called after each.

    Raises:
        InputError: the rows cannot be read.
        OutputError: the folder or the journal cannot be written; the journal knows what was done.
    """
    rows = finished_rows(request.rows)
    layout = layout_of(rows, request)
    show = step(layout.files)
    root = Path(request.into).absolute()
    planner = Planner(root, request.action, Scanned(rows, rows.stamps()), tell)
    chosen = choose(rows, layout, request)
    if request.mode is Mode.DRY_RUN:
        for picture in chosen:
            for task in planner.tasks(picture):
                where = f"{printable(task.source)} -> {printable(planner.at(task))}"
                print_line(f"{task.action} {where}")
                planner.count(task)
            show()
        return planner.result
    made = _make_folder(root)
    journal, descriptor = open_journal(request.into, os.O_CREAT)
    try:
        if journal.is_undoing:
            raise OutputError(
                f"{request.into}: an undo did not end; run it again with --undo before you sort"
            )
        settle(journal, root)
        journal.begin(made=made)
        sorter = _Sorter(planner, journal)
        while batch := list(islice(chosen, _BATCH)):
            sorter.run(batch, show)
    finally:
        os.close(descriptor)
    return planner.result


class _Sorter:
    """Sort of batches: planned in the journal, synced, carried out."""

    def __init__(self, planner: Planner, journal: Journal) -> None:
        self._planner, self._journal = planner, journal
        self._folders: set[Path] = {Path()}

    def run(self, batch: list[Chosen], show: Callable[[], None]) -> None:
        """Plan some pictures, sync the plan, and carry it out."""
        planned: list[list[tuple[Task, Entry]]] = []
        folders: list[Path] = []
        for chosen in batch:
            group = []
            for task in self._planner.tasks(chosen):
                folders += self._new_folders(task.target.parent)
                source, target = os.fsencode(task.source), os.fsencode(task.target)
                group.append((task, self._journal.plan(task.action, source, target, task.stamp)))
            planned.append(group)
        self._journal.sync()
        for folder in folders:
            # The first file for it reports what is wrong.
            with contextlib.suppress(OSError):
                (self._planner.root / folder).mkdir(exist_ok=True)
        for group in planned:
            is_done = True
            for task, entry in group:
                # A picture comes first, and its sidecars do not go without it.
                if not is_done:
                    self._journal.dropped(entry)
                elif not self._do(task, entry) and task.shelf is not None:
                    is_done = False
            show()
        self._planner.forget_leaving()

    def _do(self, task: Task, entry: Entry) -> bool:
        """Carry out a task; return whether it was."""
        try:
            stamp = perform(entry, self._planner.root)
        except (ChangedError, OSError) as error:
            self._journal.dropped(entry)
            self._explain(task, error)
            return False
        self._journal.done(entry, stamp)
        self._planner.count(task)
        return True

    def _explain(self, task: Task, error: ChangedError | OSError) -> None:
        """Say why a file is left.

        Raises:
            OutputError: the next file would meet the same error.
        """
        if isinstance(error, ChangedError):
            self._planner.leave(task, "changed while it was copied")
        elif isinstance(error, FileExistsError):
            if self._planner.is_there(task):
                self._planner.result.there += task.shelf is not None
            else:
                self._planner.leave(task, self._planner.taken(task))
        elif error.errno in _FATAL:
            raise OutputError(
                f"cannot {task.action} to {printable(self._planner.at(task))}: {one_line(error)}; "
                "--undo reverses what was done"
            ) from error
        else:
            self._planner.leave(task, f"cannot {task.action} it ({error.strerror or error})")

    def _new_folders(self, folder: Path) -> Iterator[Path]:
        """Note the folders on the way that do not exist, outermost first."""
        if folder in self._folders:
            return
        yield from self._new_folders(folder.parent)
        self._folders.add(folder)
        if stamp_at(self._planner.root / folder) is None:
            self._journal.plan_folder(os.fsencode(folder))
            yield folder


def _make_folder(root: Path) -> bool:
    """Make the sorted folder; return whether it is new.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        root.mkdir()
    except FileExistsError:
        if not root.is_dir():
            raise OutputError(f"{root}: not a folder; choose another name") from None
        return False
    except OSError as error:
        raise OutputError(f"cannot make the folder {root}: {error.strerror}") from error
    return True
