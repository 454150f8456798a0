"""One process that scans for half an hour: memory, descriptors, threads and children stay flat.

The duration can be set with ``SOAK_MINUTES``. The figures are printed: run with ``-s``.
"""

import os
import random
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from trustthepixels.infer import Detector

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(MINUTES * 60 + 600)]

MOST_GROWTH_KB = 64 * 1024


@dataclass(frozen=True)
class Resources:
    """Resources that a process holds."""

    memory_kb: int
    descriptors: int
    threads: int
    children: int


def resources() -> Resources:
    own = Path("/proc/self")
    return Resources(
        int((own / "status").read_text().partition("VmRSS:")[2].split()[0]),
        len(list((own / "fd").iterdir())),
        threading.active_count(),
        sum(len(path.read_text().split()) for path in own.glob("task/*/children")),
    )


def damaged_copies(pictures: Path, folder: Path) -> None:
    """Sound pictures, and copies that are cut, overwritten, or not pictures at all."""
    shutil.copytree(pictures, folder)
    rng = random.Random(3)
    for path in sorted(folder.glob("*/*.*")):
        content = path.read_bytes()
        path.with_name(f"cut-{path.name}").write_bytes(content[: rng.randrange(len(content))])
        for number in range(3):
            mutant = bytearray(content)
            for _ in range(rng.choice([1, 5, 50])):
                mutant[rng.randrange(len(mutant))] = rng.randrange(256)
            path.with_name(f"mutant-{number}-{path.name}").write_bytes(mutant)
    (folder / "none.jpg").write_bytes(b"no picture")
    (folder / "empty.png").touch()
    os.mkfifo(folder / "pipe.jpg")


def test_nothing_grows_and_every_pass_gives_the_same_rows(tmp_path, examples, tiny_model):
    damaged_copies(examples, tmp_path / "pictures")
    detector = Detector(tiny_model, "cpu")
    first = list(detector.scan(tmp_path / "pictures"))
    deadline = time.monotonic() + MINUTES * 60
    warm = time.monotonic() + MINUTES * 6
    passes, start = 1, resources()
    while time.monotonic() < deadline:
        assert list(detector.scan(tmp_path / "pictures")) == first
        passes += 1
        if time.monotonic() < warm or passes < 5:
            start = resources()
        end = resources()
        assert end.memory_kb - start.memory_kb < MOST_GROWTH_KB
        assert end.descriptors <= start.descriptors
        assert end.threads <= start.threads
        assert end.children <= start.children
    print(f"{MINUTES:g} minutes, {passes} passes of {len(first)} files: {start} -> {resources()}")
