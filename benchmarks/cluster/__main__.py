"""Throughput of ``scan-cluster`` on one machine next to ``scan-folder``.

``python -m benchmarks.cluster FOLDER --files 20000`` makes links to the files of FOLDER, by turns,
until there are so many, and scans them with both commands by turns. Rates are those of the steady
state, by the times of rows and parts. The rows of both are compared.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, cycle
from pathlib import Path

import psutil

from ..processes import command

_SAMPLE_S = 0.1
_IN_A_FOLDER = 1000


@dataclass(slots=True)
class Family:
    """Memory and processor time of a command and its children while it runs.

    Attributes:
        actor_mb: most resident memory of one actor with its own children, in 10^6 bytes.
        all_mb: the same of all processes together; a page that they share counts for each.
        sizes: times, and the size of the file that is watched.
    """

    actor_mb: float = 0.0
    all_mb: float = 0.0
    sizes: list[tuple[float, int]] = field(default_factory=list)
    _cpu: dict[int, float] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        """Processor time of all processes, in seconds."""
        return sum(self._cpu.values())

    def watch(self, pid: int, file: Path, stopped: threading.Event) -> None:
        """Measure until the command ends."""
        first = psutil.Process(pid)
        while not stopped.wait(_SAMPLE_S):
            with contextlib.suppress(OSError):
                self.sizes.append((time.time(), file.stat().st_size))
            with contextlib.suppress(psutil.Error):
                self._measure([first, *first.children(recursive=True)])

    def _measure(self, members: list[psutil.Process]) -> None:
        sizes = {}
        for one in members:
            with one.oneshot():
                times = one.cpu_times()
                self._cpu[one.pid] = times.user + times.system
                sizes[one.pid] = one.memory_info().rss / 1e6
        self.all_mb = max(self.all_mb, sum(sizes.values()))
        for actor in members:
            if actor.name().startswith("ray::Judge"):
                own = [actor.pid, *(child.pid for child in actor.children(recursive=True))]
                self.actor_mb = max(self.actor_mb, sum(sizes.get(pid, 0.0) for pid in own))


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one run.

    Attributes:
        rate: files a second, from the end of the first part's rows to the end of the last's.
        start_s: seconds until the run's settings are written, just before the first file.
        wall_s: seconds from the start to the end of the command.
        cpu_s: processor time of all processes.
        worker_mb: peak memory of the process that judges, with its children, in 10^6 bytes.
        all_mb: peak memory of all processes, in 10^6 bytes.
    """

    rate: float
    start_s: float
    wall_s: float
    cpu_s: float
    worker_mb: float
    all_mb: float


def watched(arguments: list[str], file: Path) -> tuple[Family, float, float]:
    """Run a command to its end; return what it took, its start and its end."""
    family, stopped, began = Family(), threading.Event(), time.time()
    with subprocess.Popen(arguments) as process:
        watcher = threading.Thread(target=family.watch, args=(process.pid, file, stopped))
        watcher.start()
        code = process.wait()
        ended = time.time()
        stopped.set()
        watcher.join()
    if code not in (0, 1):
        raise SystemExit(f"{arguments[0]} ended with {code}")
    return family, began, ended


def scanned(folder: Path, model: str, out: Path, first: int) -> Figures:
    """Run ``scan-folder``; the growing file of rows tells the rate."""
    own = ["--model", model, "--device", "cpu", "--quiet", "--out", str(out)]
    family, began, ended = watched([command("scan-folder"), str(folder), *own], out)
    ends = list(accumulate(map(len, out.read_bytes().splitlines(keepends=True))))
    rows = [(at, bisect_right(ends, size) - 1) for at, size in family.sizes]
    start = next(at for at, count in rows if count > 0)
    since, before = next((at, count) for at, count in rows if count >= first)
    last = next(at for at, count in rows if count == rows[-1][1])
    rate = (rows[-1][1] - before) / (last - since)
    peak = family.all_mb
    return Figures(rate, start - began, ended - began, family.cpu_s, peak, peak)


def scanned_by_actors(folder: Path, model: str, out: Path, first: int) -> Figures:
    """Run ``scan-cluster``; the times of its parts tell the rate."""
    own = ["--model", model, "--device", "cpu", "--quiet", "--part-rows", str(first)]
    arguments = [command("trustthepixels"), "scan-cluster", str(folder), *own, "--out", str(out)]
    family, began, ended = watched(arguments, out)
    parts = sorted(out.glob("part-*.csv"), key=lambda path: path.stat().st_mtime)
    if len(parts) < 3:
        raise SystemExit("too few parts for a rate; use more --files or fewer --part-rows")
    rows = [len(part.read_bytes().splitlines()) - 1 for part in parts]
    times = [part.stat().st_mtime for part in parts]
    rate = sum(rows[1:]) / (times[-1] - times[0])
    start = (out / "run.json").stat().st_mtime - began
    return Figures(rate, start, ended - began, family.cpu_s, family.actor_mb, family.all_mb)


def linked(folder: Path, count: int, into: Path) -> Path:
    """Return a folder with so many links to the files of another, or copies of them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for number, file in zip(range(count), cycle(files), strict=False):
        path = into / f"{number // _IN_A_FOLDER:04}" / f"{number:07}{file.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, path)
        except OSError:
            shutil.copyfile(file, path)
    return into


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--model", default="edge")
    parser.add_argument("--part-rows", type=int, default=500)
    parser.add_argument("--target", type=float, default=0.8, help="least ratio of the two rates")
    parser.add_argument(
        "--target-mb", type=float, default=400, help="most extra memory of an actor"
    )
    arguments = parser.parse_args()
    ours: list[Figures] = []
    theirs: list[Figures] = []
    with tempfile.TemporaryDirectory(dir=arguments.folder.resolve().parent) as place:
        folder = linked(arguments.folder, arguments.files, Path(place, "pictures"))
        for number in range(arguments.rounds):
            rows, parts = Path(place, f"{number}.csv"), Path(place, str(number))
            theirs.append(scanned(folder, arguments.model, rows, arguments.part_rows))
            ours.append(scanned_by_actors(folder, arguments.model, parts, arguments.part_rows))
            merged = Path(place, f"merged{number}.csv")
            merge = [command("trustthepixels"), "merge", str(parts), "--quiet"]
            subprocess.run([*merge, "--out", str(merged)], check=True)
            assert merged.read_bytes() == rows.read_bytes()
    ratio = statistics.median(o.rate / t.rate for o, t in zip(ours, theirs, strict=True))
    extra = max(o.worker_mb for o in ours) - max(t.worker_mb for t in theirs)
    result = {
        "files": arguments.files,
        "ratio": round(ratio, 3),
        "extra_mb_of_an_actor": round(extra),
        **{
            f"{name}_{what}": round(statistics.median(getattr(one, what) for one in figures), 1)
            for name, figures in (("scan", theirs), ("cluster", ours))
            for what in Figures.__slots__
        },
        "goals_met": ratio >= arguments.target and extra <= arguments.target_mb,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
