"""Decode processes. With eight or more decode threads, the GIL limits throughput.

A picture of 500×375 pixels takes some 2 ms to prepare. In that time its thread releases and takes
the GIL a dozen times: 16 threads of one process are only three times as fast as one. So each of
eight or more decode threads gets a process, sends it a few paths at a time, and finds the pictures
in shared memory.

Rows do not depend on decode processes: a thread prepares the files that its process leaves (see
``main``). If a process crashes or stops, its files are decoded again, in worker processes.
"""

import os
import threading

from ...files.source import LocalFiles
from ...images.limits import Isolation, Limits
from ...images.shape import InputShape
from ..prepare import Resources
from .count import PROCESS_SHARE, affordable_processes
from .process import DecodeProcess, DecodeProcessSetup

_MOST_FAILURES = 3
"""Failed starts after which no further decode process is started."""

_FILE_SHARE = 4
"""Part of a decode process's memory that a file itself may take."""


class DecodeProcesses:
    """All decode processes of a scan, one for each of the first decode threads that ask.

    Args:
        setup: common settings.
        count: most processes at once.

    Attributes:
        is_cancelled: true if the scan has ended.
    """

    def __init__(self, setup: DecodeProcessSetup, count: int) -> None:
        self._setup = setup
        self._free = count
        self._failures = 0
        self._running: set[DecodeProcess] = set()
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self.is_cancelled = False

    def start(self) -> DecodeProcess | None:
        """Return a new decode process, which is not ready yet.

        Return ``None`` if there are enough, another one is starting, or too many have failed to
        start.
        """
        # One after the other: each needs more descriptors while it starts.
        if not self._starting.acquire(blocking=False):
            return None
        try:
            with self._lock:
                if not self._free or self._failures >= _MOST_FAILURES or self.is_cancelled:
                    return None
            process = DecodeProcess(self._setup)
        except OSError:
            with self._lock:
                self._failures += 1
            return None
        finally:
            self._starting.release()
        with self._lock:
            self._free -= 1
            self._running.add(process)
            was_cancelled = self.is_cancelled
        if was_cancelled:
            process.child.kill()
        return process

    def end(self, process: DecodeProcess) -> None:
        """End a decode process, so that another may start."""
        process.child.close()
        with self._lock:
            self._running.discard(process)
            self._free += 1
            self._failures += not process.was_ready and not self.is_cancelled

    def cancel(self) -> None:
        """Kill all decode processes; threads that wait for one stop."""
        with self._lock:
            self.is_cancelled = True
            for process in self._running:
                process.child.kill()


def decode_processes_of(
    wanted: int, shape: InputShape, limits: Limits, resources: Resources
) -> DecodeProcesses | None:
    """Return the decode processes of a scan; ``None`` if none is useful or available.

    Args:
        wanted: wanted number.
        shape: shape of the model's input.
        limits: limits on one file.
        resources: resources that the files of the scan share.
    """
    # They open paths, so what comes from elsewhere stays with the threads.
    reads_paths = isinstance(resources.source, LocalFiles)
    is_possible = os.name == "posix" and resources.workers is not None and reads_paths
    if not wanted or not is_possible or resources.isolation is Isolation.ALL:
        return None
    total = resources.budget.total
    count = affordable_processes(wanted, total)
    if not count:
        return None
    each = int(PROCESS_SHARE * total) // count
    details = None if resources.origins is None else resources.origins.details.name
    largest = min(resources.budget.large_file, each // _FILE_SHARE)
    setup = DecodeProcessSetup(shape, limits, each - largest, largest, details)
    return DecodeProcesses(setup, count)
