"""``--memory`` bounds the memory of a scan, whatever the number of its threads."""

import os
import platform
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scanning import SCAN_FOLDER, rows_of, run

from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.isolation.pool import WorkerPool

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries may keep freed memory"
)

BUDGET = 64 << 20

COUNT = 64
"""Files: each of 32 threads gets some, and glibc has at least eight arenas for them."""

LAUNCHER = """
import os, subprocess, sys
# In a small process: a peak begins with that of the process that started it.
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """PNGs of 3 megapixels, of which two fit into the budget at once, and tiny ones."""
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(3).integers(0, 255, (75, 100, 3), np.uint8)
    for name, size in (("large", (2000, 1500)), ("tiny", (40, 30))):
        (folder / name).mkdir()
        Image.fromarray(noise).resize(size).quantize(24).convert("RGB").save(
            folder / name / "0.png", compress_level=1
        )
        for number in range(1, COUNT):
            (folder / name / f"{number}.png").hardlink_to(folder / name / "0.png")
    return folder


def scanned(folder, model, threads: int, out, *prefix: str) -> str:
    """Standard output of a scan in which every file gets a verdict."""
    code, output, errors = run(
        *(folder, "--out", out, "--model", model, "--quiet"),
        *("--memory", str(BUDGET), "--decode-threads", str(threads)),
        command=[*prefix, *SCAN_FOLDER],
    )
    assert (code, errors) == (0, "")
    assert len(rows_of(out)) == COUNT
    return output.decode()


@pytest.mark.parametrize("threads", [8, 32])
def test_a_scan_stays_within_its_budget(folders, tiny_model, tmp_path, threads):
    base, most = (
        1024 * int(scanned(folders / name, tiny_model, threads, tmp_path / f"{name}.csv", *prefix))
        for name in ("tiny", "large")
        for prefix in [(sys.executable, "-c", LAUNCHER)]
    )
    assert base < most <= base + 1.1 * BUDGET


def test_a_scan_works_within_a_limit_like_a_containers(folders, tiny_model, tmp_path):
    """A limit on data counts what is in use; one on address space counts reservations, too."""
    # Small stacks, which count here before they are used.
    shell = ("bash", "-c", 'ulimit -s 512 -d 256000; exec "$@"', "bash")
    scanned(folders / "large", tiny_model, 32, tmp_path / "rows.csv", *shell)


def test_an_idle_worker_keeps_no_picture(folders):
    others, pool, kept = children(), WorkerPool(), []
    try:
        for name in ("tiny", "large", "large", "large"):
            content = (folders / name / "0.png").read_bytes()
            pool.decode_to_size(content, InputShape(16, 16), Limits(), MemoryBudget(BUDGET))
            (worker,) = children() - others
            kept.append(resident(worker))
    finally:
        pool.cancel()
    assert kept[-1] < kept[0] + (8 << 20)


def children() -> set[str]:
    """Numbers of this process's children."""
    return {
        number
        for listed in Path("/proc/self/task").glob("*/children")
        for number in listed.read_text().split()
    }


def resident(process: str) -> int:
    """Bytes of a process that are in memory."""
    pages = int(Path("/proc", process, "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
