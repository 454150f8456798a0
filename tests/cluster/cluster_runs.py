"""Runs of ``trustthepixels scan-cluster``, and what they leave."""

import time
from pathlib import Path

import psutil
from in_process import trustthepixels
from scanning import SCRIPTS

SCAN_CLUSTER = [str(SCRIPTS / "trustthepixels"), "scan-cluster"]

_PATIENCE_S = 120


def merged(out: str, *options: str) -> bytes:
    """The rows of a folder or prefix as one file."""
    done = trustthepixels("merge", out, *options, "--out", "merged.csv", "--force")
    assert done.returncode == 0, done.stderr
    return Path("merged.csv").read_bytes()


def wait_for_parts(folder: str, count: int) -> None:
    wait_until(lambda: len(list(Path(folder).glob("part-*"))) >= count)


def wait_until(is_so) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def processes_of(driver: int, name: str) -> list[psutil.Process]:
    """Processes that a driver's Ray started, by the beginning of their command line."""
    found = []
    for process in psutil.Process(driver).children(recursive=True):
        try:
            if " ".join(process.cmdline()).startswith(name):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for_end(processes: list[psutil.Process]) -> None:
    """Wait until processes ended; fail if one stays."""
    _, alive = psutil.wait_procs(processes, timeout=_PATIENCE_S)
    assert not alive
