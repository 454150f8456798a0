"""A tree of a million files: memory stays flat, rows come at once, and so does the end.

The number of files can be set with ``MANY_FILES``. The figures are printed: run with ``-s``.
"""

import contextlib
import itertools
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scanning import start
from tiny_model import with_input_size, write_tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

COUNT = int(os.environ.get("MANY_FILES", "1000000"))
FOLDER_SIZE = 1000
MOST_GROWTH_KB = 64 * 1024


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``COUNT`` names in folders of a thousand; one in fifty is a picture, the rest is refused."""
    monkeypatch.chdir(tmp_path)
    # A million links want few inodes and a million files many.
    sources = []
    for number in range(FOLDER_SIZE):
        source = tmp_path / f"source-{number}"
        if number % 50 == 0:
            noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(noise).save(source, "JPEG")
        else:
            source.write_bytes(b"no picture %d" % number)
        sources.append(source)
    for folder in range(COUNT // FOLDER_SIZE):
        (tmp_path / "tree" / f"{folder:04}").mkdir(parents=True)
        for number, source in enumerate(sources):
            os.link(source, tmp_path / "tree" / f"{folder:04}" / f"{number:03}.jpg")
    write_tiny_model(tmp_path / "tiny.onnx", spec=with_input_size(16, 16))
    return tmp_path


def resident_kb(process: subprocess.Popen[bytes]) -> int:
    """Memory of the process and of those that it started."""
    pids, total = [process.pid], 0
    # A worker may end at any moment.
    with contextlib.suppress(OSError, IndexError):
        for pid in pids:
            status = Path(f"/proc/{pid}/status").read_text()
            total += int(status.partition("VmRSS:")[2].split()[0])
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, children.read_text().split())
    return total


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Processor time of the process so far; unlike the clock, it does not count other programs."""
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


class Rows:
    """The rows of a file that grows, counted as they come."""

    def __init__(self, path: Path) -> None:
        self.path, self.count, self._at = path, -1, 0

    def update(self) -> int:
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._at)
                new = file.read()
            self.count += new.count(b"\n")
            self._at += len(new)
        return self.count


def wait_for(rows: Rows, count: int, process: subprocess.Popen[bytes]) -> tuple[float, list[int]]:
    """Wait until so many rows are there; returns the seconds, and the memory at each."""
    began, memory = time.monotonic(), [resident_kb(process)]
    while rows.update() < count:
        assert process.poll() is None, process.stderr.read()
        if len(memory) <= time.monotonic() - began:
            memory.append(resident_kb(process))
        time.sleep(0.02)
    return time.monotonic() - began, memory


def test_memory_is_flat_and_an_interruption_and_a_resumption_are_quick(here):
    arguments = ("tree", "--out", "rows.csv", "--model", "tiny.onnx", "--device", "cpu", "--quiet")
    rows = Rows(here / "rows.csv")
    with start(*arguments) as process:
        first, _ = wait_for(rows, 1, process)
        first_cpu = cpu_seconds(process)
        # What is allocated once is there by then.
        early = max(wait_for(rows, COUNT // 10, process)[1])
        seconds, memory = wait_for(rows, COUNT * 9 // 10, process)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        process.communicate(timeout=60)
        ended = time.monotonic() - sent
    assert process.returncode == 130
    kept = rows.update()
    with start(*arguments, "--resume") as process:
        resumed, _ = wait_for(rows, kept + 1, process)
        resumed_cpu = cpu_seconds(process)
        late = max(wait_for(rows, COUNT, process)[1])
        process.communicate(timeout=60)
    assert process.returncode == 1
    print(
        f"{COUNT} files: first row after {first:.1f} s ({first_cpu:.1f} s of "
        f"processor time); {COUNT * 8 // 10 / seconds:.0f} files/s; "
        f"memory {early} kB after a tenth, at most {max(memory)} kB then, {late} kB resumed; "
        f"ended {ended:.2f} s after SIGINT; first new row {resumed:.1f} s after "
        f"--resume ({resumed_cpu:.1f} s of processor time)"
    )
    assert max(*memory, late) - early < MOST_GROWTH_KB
    with Path("rows.csv").open("rb") as file:
        paths = [line.partition(b",")[0] for line in itertools.islice(file, 1, None)]
    assert len(paths) == COUNT
    assert all(one < other for one, other in itertools.pairwise(paths))
