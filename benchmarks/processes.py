"""Run a command as a whole process, and measure its time, processor time and memory."""

import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from .settings import ROOT

_SAMPLE_S = 0.02
_EVERY = 1000
_FIRST_LINES = 20


class ProcessError(RuntimeError):
    """A command failed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process.

    Attributes:
        wall_s: time from its start to its end, in seconds.
        cpu_s: user and system time of the process and its children, in seconds.
        peak_mb: most resident memory of the process and its children together, in 10^6 bytes; a
            page that they share counts for each of them.
        output: the first lines of its standard output.
        stamps: pairs of the number of lines of standard output and seconds since the start, for
            the first two lines, each thousandth and the last.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str
    stamps: tuple[tuple[int, float], ...]

    @property
    def first_row_s(self) -> float:
        """Seconds to the second line of the output, which is a CSV's first row."""
        return next(at for lines, at in self.stamps if lines >= 2)


def command(name: str) -> str:
    """Return the path of a command that is installed with this interpreter."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def script(module: str) -> list[str]:
    """Return the command that runs a module of the benchmarks."""
    return [sys.executable, "-m", f"benchmarks.{module}"]


def run(
    arguments: Sequence[str | Path],
    *,
    cores: int | None = None,
    environment: Mapping[str, str] | None = None,
    good_codes: Sequence[int] = (0,),
) -> Run:
    """Run one command to its end.

    Args:
        arguments: the command.
        cores: number of cores that it may use, from the first on; ``None`` for all.
        environment: further environment variables.
        good_codes: exit codes of success.

    Raises:
        ProcessError: the command ended with another exit code; the text has the end of its output.
    """
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(argument) for argument in arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    errors: list[bytes] = []
    peak = _Peak(process.pid)
    readers = [threading.Thread(target=peak.watch)]
    readers.append(threading.Thread(target=lambda: errors.append(_all(process.stderr))))
    for reader in readers:
        reader.start()
    assert process.stdout is not None
    stamps, head, lines = [], [], 0
    for line in process.stdout:
        lines += 1
        if lines <= _FIRST_LINES:
            head.append(line)
        if lines <= 2 or lines % _EVERY == 0:
            stamps.append((lines, time.perf_counter() - start))
    stamps.append((lines, time.perf_counter() - start))
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    peak.stop()
    for reader in readers:
        reader.join()
    if process.returncode not in good_codes:
        text = b"".join(errors).decode(errors="replace")[-2000:]
        raise ProcessError(
            f"{' '.join(map(str, arguments))} ended with {process.returncode}: {text}"
        )
    output = b"".join(head).decode(errors="replace")
    return Run(wall, usage.ru_utime + usage.ru_stime, peak.mb, output, tuple(stamps))


def _all(stream: "subprocess._FILE") -> bytes:
    content: bytes = stream.read()  # type: ignore[union-attr]
    return content


class _Peak:
    """Largest resident memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._process = psutil.Process(pid)
        self._stopped = threading.Event()

    def watch(self) -> None:
        while not self._stopped.wait(_SAMPLE_S):
            try:
                family = [self._process, *self._process.children(recursive=True)]
                together = sum(member.memory_info().rss for member in family)
                self.mb = max(self.mb, together / 1e6, _high_water_mb(self._process.pid))
            except psutil.Error:
                continue

    def stop(self) -> None:
        self._stopped.set()


def _high_water_mb(pid: int) -> float:
    """Return the kernel's maximum for one process, in 10^6 bytes; 0 if unknown.

    ``ru_maxrss`` does not fit: it starts at the memory of the process that forked.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(value) * 1024 / 1e6 for _, value, *_ in lines), 0.0)
