"""``--memory`` bounds the memory of a scan, whatever the number of its threads."""

import sys

import numpy as np
import pytest
from PIL import Image
from scanning import SCAN_FOLDER, rows_of, run

BUDGET = 256 << 20

LAUNCHER = """
import os, subprocess, sys
# In a small process: a peak begins with that of the process that started it.
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Sixteen PNGs of 12 megapixels, as phones make them, and sixteen tiny ones."""
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(3).integers(0, 255, (75, 100, 3), np.uint8)
    for name, size in (("large", (4000, 3000)), ("tiny", (40, 30))):
        (folder / name).mkdir()
        Image.fromarray(noise).resize(size).quantize(24).convert("RGB").save(
            folder / name / "0.png", compress_level=1
        )
        for number in range(1, 16):
            (folder / name / f"{number}.png").hardlink_to(folder / name / "0.png")
    return folder


def peak(folder, model, threads: int, out) -> int:
    """The peak of a scan's memory in bytes."""
    arguments = ("--memory", str(BUDGET), "--decode-threads", str(threads), "--model", model)
    command = [sys.executable, "-c", LAUNCHER, *SCAN_FOLDER]
    code, output, _ = run(folder, "--out", out, "--quiet", *arguments, command=command)
    assert code == 0
    assert len(rows_of(out)) == 16
    return int(output) * 1024


@pytest.mark.parametrize("threads", [8, 32])
def test_a_scan_stays_within_its_budget(folders, tiny_model, tmp_path, threads):
    base = peak(folders / "tiny", tiny_model, threads, tmp_path / "tiny.csv")
    most = peak(folders / "large", tiny_model, threads, tmp_path / "large.csv")
    assert base < most <= base + 1.1 * BUDGET
