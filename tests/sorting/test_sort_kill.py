"""A sort and an undo, killed at each of their steps: both ways lead to an exact end."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scanning import SCRIPTS
from sorting.trees import make_tree, put, snapshot

from trustthepixels.infer.sorting import json_lines
from trustthepixels.infer.sorting.journal import NAME
from trustthepixels.infer.sorting.request import Action, Mode, SortRequest
from trustthepixels.infer.sorting.run import sort_pictures
from trustthepixels.infer.sorting.undo import undo_sorts

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

STEPS = frozenset(
    {
        *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.truncate"),
        *("os.utime", "os.chmod", "shutil.copyfile", "shutil.copystat", "open"),
    }
)
"""Audit events of steps that change files."""


class Killer:
    """An audit hook that kills its own process before a step; writes of the journal are steps."""

    def __init__(self, step: int) -> None:
        self.left = step

    def __call__(self, event, arguments) -> None:
        # Opening for reading changes nothing; writing without O_CREAT comes after the first step.
        if event in STEPS and (event != "open" or (arguments[2] or 0) & os.O_CREAT):
            self.step()

    def step(self) -> bool:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def write(self, descriptor, data) -> int:
        self.left -= 1
        if self.left < 0:
            os.write(descriptor, bytes(data)[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return os.write(descriptor, data)


def killed(step: int, work) -> bool:
    """Work in a process that is killed before a step; returns whether that step was reached."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            killer = Killer(step)
            json_lines.os = type("os", (), {**vars(os), "write": staticmethod(killer.write)})
            sys.addaudithook(killer)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def other_file_system() -> None:
    """Have every rename across folders fail as between two disks."""
    rename = Path.rename

    def renamed(path, target):
        if Path(path).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    Path.rename = renamed


CASES = [
    ("copy", False),
    ("link", False),
    ("move", False),
    ("move", True),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}{'-across' if case[1] else ''}")
def case(request, tmp_path, monkeypatch):
    """A folder to sort, and the work of sorting and undoing it."""
    action, is_across = request.param
    folder = tmp_path / "here"
    make_tree(folder)
    put(folder / "photos/a.png", b"another")
    put(folder / "photos/a.xmp", b"of both")
    monkeypatch.chdir(folder)
    if is_across:
        monkeypatch.setattr(Path, "rename", Path.rename)
        other_file_system()
    wanted = SortRequest(rows="rows.csv", into="sorted", action=Action(action))

    def sort():
        lines = []
        result = sort_pictures(wanted, lines.append, lines.append, lambda _count: lambda: None)
        assert result.left == 0, lines

    def undo():
        lines = []
        assert undo_sorts("sorted", Mode.DO, lines.append, lines.append).left == 0, lines

    return folder, sort, undo


def without_journal(folder: Path):
    return {name: found for name, found in snapshot(folder).items() if "-sort" not in name}


def is_as_before(folder: Path, before) -> bool:
    """Return whether all is as before; of a kill around the journal an empty folder may stay."""
    return snapshot(folder) in (before, before | {"sorted": ("folder",)})


def try_undo(undo) -> None:
    """Undo; a sort that was killed before its journal began has nothing to undo."""
    if (Path("sorted") / NAME).exists():
        undo()


def test_a_killed_sort_is_undone(case):
    folder, sort, undo = case
    before = snapshot(folder)
    step = 0
    while killed(step, sort):
        try_undo(undo)
        assert is_as_before(folder, before), step
        step += 1
    assert step > 30


def test_a_killed_sort_goes_on(case):
    folder, sort, undo = case
    before = snapshot(folder)
    sort()
    whole = without_journal(folder)
    undo()
    assert snapshot(folder) == before
    step = 0
    while killed(step, sort):
        sort()
        assert without_journal(folder) == whole, step
        undo()
        assert is_as_before(folder, before), step
        step += 1
    assert step > 30


def test_a_killed_undo_goes_on(case):
    folder, sort, undo = case
    before = snapshot(folder)
    step = 0
    is_killed = True
    while is_killed:
        sort()
        is_killed = killed(step, undo)
        if is_killed:
            try_undo(undo)
        assert is_as_before(folder, before), step
        step += 1
    assert step > 15


@pytest.mark.slow
@pytest.mark.parametrize("action", ["--move", "--link", "--quiet"])
def test_kills_at_random_moments(tmp_path, action):
    folder = tmp_path / "here"
    make_tree(folder)
    from report.pages import judged, write_rows

    rows = []
    for number in range(3_000):
        name = f"photos/{number % 50:02}/{number}.jpg"
        put(folder / name, b"%d" % number)
        label = ("ai", "unsure", "real")[number % 3]
        rows.append(judged(name, 0.5, label, bytes=len(str(number))))
    write_rows(folder / "rows.csv", rows)
    before = snapshot(folder)
    sort = [SCRIPTS / "trustthepixels", "sort", "rows.csv", "--into", "sorted", action]
    undo = [SCRIPTS / "trustthepixels", "sort", "--undo", "--into", "sorted"]
    chance = random.Random(action)
    deaths = 0
    for _ in range(12):
        for command in (sort, sort, undo, undo):
            with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as process:
                time.sleep(chance.uniform(0.1, 1.2))
                process.kill()
            deaths += process.returncode == -signal.SIGKILL
        if (folder / "sorted" / NAME).exists():
            subprocess.run(undo, cwd=folder, check=True)
        assert is_as_before(folder, before)
    assert deaths
