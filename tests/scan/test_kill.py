"""SIGKILL at any moment and at each write: ``--resume`` leads to the rows of an undisturbed run."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scanning import run, search_first, start
from tiny_model import write_tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

KILLED_AT_A_WRITE = """
import os, signal
from trustthepixels.infer.output import writer

number, cut = int(os.environ["KILL_AT_WRITE"]), int(os.environ["KILL_AFTER_BYTES"])

class KillingOs:
    def __getattr__(self, name):
        return getattr(os, name)

    def write(self, descriptor, data):
        global number
        number -= 1
        if number < 0:
            os.write(descriptor, bytes(data)[:cut])
            os.kill(os.getpid(), signal.SIGKILL)
        return os.write(descriptor, data)

writer.os = KillingOs()
"""
"""As ``sitecustomize``: the process dies in a write of the CSV, after so many bytes of it."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request) -> Path:
    """A folder with small pictures, some of them damaged, some with difficult names."""
    (tmp_path / "photos").mkdir()
    noise = np.random.default_rng(0)
    for number in range(getattr(request, "param", 20)):
        name = f"{number:04}" + ["", ',"\n', "\udcff", " =@"][number % 4] + ".jpg"
        path = tmp_path / "photos" / name
        Image.fromarray(noise.integers(0, 256, (40, 30, 3)).astype(np.uint8)).save(path, "JPEG")
        if number % 7 == 3:
            path.write_bytes(path.read_bytes()[:200])
    write_tiny_model(tmp_path / "tiny.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ARGUMENTS = ("photos", "--out", "rows.csv", "--model", "tiny.onnx", "--quiet")


def whole_run() -> bytes:
    assert run(*ARGUMENTS)[0] == 1
    rows = Path("rows.csv").read_bytes()
    Path("rows.csv").unlink()
    return rows


def killed_runs(moments: random.Random, longest: float, whole: bytes) -> int:
    """Kill up to three runs in a row at random moments; returns how many were killed."""
    killed = 0
    for _ in range(3):
        if killed and Path("rows.csv").exists() and Path("rows.csv").read_bytes() == whole:
            # Killed when all was done but the end of the process.
            return killed
        option = ["--resume"] if killed else []
        process = start(*ARGUMENTS, *option)
        time.sleep(moments.uniform(0, longest))
        process.kill()
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 1
            return killed
        killed += 1
        if moments.random() < 0.5:
            return killed
    return killed


@pytest.mark.parametrize("here", [150], indirect=True)
def test_at_a_hundred_random_moments(here):
    began = time.monotonic()
    whole = whole_run()
    longest = 1.2 * (time.monotonic() - began)
    moments = random.Random(5)
    kills = with_rows = 0
    while kills < 100:
        kills += killed_runs(moments, longest, whole)
        with_rows += Path("rows.csv").exists() and Path("rows.csv").stat().st_size > 70
        if not Path("rows.csv").exists() or Path("rows.csv.resume").exists():
            code, _, errors = run(*ARGUMENTS, "--resume")
        elif Path("rows.csv").read_bytes() != whole:
            # Killed before its first row: there is nothing yet that says what the run was.
            assert Path("rows.csv").read_bytes().count(b"\n") <= 1
            code, _, errors = run(*ARGUMENTS, "--resume")
        else:
            code, errors = 1, ""
        assert code == 1, errors
        assert Path("rows.csv").read_bytes() == whole
        assert sorted(path.name for path in here.iterdir()) == ["photos", "rows.csv", "tiny.onnx"]
        Path("rows.csv").unlink()
    assert with_rows > 10
    print(f"{kills} kills, {with_rows} resumed after rows, 0 wrong")


def test_at_each_write_of_the_csv(here):
    whole = whole_run()
    writes = whole.count(b"\n")
    (here / "killer").mkdir()
    (here / "killer" / "sitecustomize.py").write_text(KILLED_AT_A_WRITE)
    for number in range(writes):
        for cut in (0, 17, 10_000):
            environment = {
                **os.environ,
                "PYTHONPATH": search_first(here / "killer"),
                "KILL_AT_WRITE": str(number),
                "KILL_AFTER_BYTES": str(cut),
            }
            assert run(*ARGUMENTS, env=environment)[0] == -signal.SIGKILL
            assert whole.startswith(Path("rows.csv").read_bytes())
            code, _, errors = run(*ARGUMENTS, "--resume")
            assert code == 1, errors
            assert Path("rows.csv").read_bytes() == whole
            Path("rows.csv").unlink()
    print(f"{3 * writes} kills in {writes} writes, 0 wrong")
