"""Worker processes that decode what a thread must not, started when the first such file comes.

One for each decode thread at most, since a thread waits for its own. A worker that takes too long
is killed, and so is every worker when the scan ends or is interrupted; one that crashes takes only
its file with it. Should the scan itself be killed, its workers notice that their input ended.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..flow.budget import MemoryBudget
from ..flow.channel import Cancelled
from ..images.decode import DecodeError, ModelInput
from ..images.limits import Limits
from ..results import FileStatus
from .messages import error_from_json, header_from_json, limits_as_json
from .process import ChildProcess, Gone, TooSlow


class WorkerPool:
    """Workers that wait for files, and those that are busy.

    Attributes:
        is_available: whether this process can start another Python, which a frozen one cannot.
    """

    is_available = bool(sys.executable) and not getattr(sys, "frozen", False)

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def decode_to_size(
        self, data: bytes, size: tuple[int, int], limits: Limits, budget: MemoryBudget
    ) -> ModelInput:
        """``decode.decode_to_size`` in a process that can be killed.

        Raises:
            DecodeError: with the status that the file's row shall carry.
            Cancelled: the run was cancelled.
        """
        with self._worker() as worker:
            try:
                return worker.decode(data, size, limits, budget)
            except TooSlow:
                reason = f"not decoded within {limits.timeout_s:g} s"
                raise DecodeError(FileStatus.TOO_SLOW, reason) from None
            except Gone as error:
                if self._cancelled:
                    raise Cancelled from None
                raise worker.post_mortem() from error

    def cancel(self) -> None:
        """Kill all workers; whoever waits for one stops."""
        with self._lock:
            self._cancelled = True
            for worker in self._all:
                worker.kill()
            for worker in self._idle:
                worker.close()
            self._all.difference_update(self._idle)
            self._idle.clear()

    @contextmanager
    def _worker(self) -> Iterator["_Worker"]:
        with self._lock:
            if self._cancelled:
                raise Cancelled
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            # While it starts, the scan can end without it: its input ends then.
            worker = _started()
            with self._lock:
                self._all.add(worker)
                was_cancelled = self._cancelled
            if was_cancelled:
                worker.kill()
        try:
            yield worker
        finally:
            with self._lock:
                if worker.is_ready and not self._cancelled:
                    self._idle.append(worker)
                else:
                    self._all.discard(worker)
                    worker.close()


class _Worker:
    """One process that decodes a file at a time.

    Attributes:
        is_ready: whether it waits for a file.

    Raises:
        OSError: there can be none.
    """

    def __init__(self) -> None:
        self._child = ChildProcess(f"{__package__}.worker")
        self.is_ready = False

    def wait_until_started(self) -> None:
        """Wait for the first sign of life.

        Raises:
            Gone, TooSlow: there is none.
        """
        self._child.receive(0)
        self.is_ready = True

    def decode(
        self, data: bytes, size: tuple[int, int], limits: Limits, budget: MemoryBudget
    ) -> ModelInput:
        """See ``WorkerPool.decode_to_size``."""
        height, width = size
        self.is_ready = False
        self._child.deadline = time.monotonic() + limits.timeout_s
        try:
            self._child.send({"size": size, "limits": limits_as_json(limits)}, data)
            answer, _ = self._child.receive(0)
            if "memory" not in answer:
                raise self._refusal(answer)
            with self._share(budget, answer["memory"]) as permission:
                self._child.send(permission)
                answer, pixels = self._child.receive(height * width * 3)
            if "status" in answer:
                raise self._refusal(answer)
            header, note = header_from_json(answer["header"]), str(answer["note"])
            array = np.frombuffer(bytearray(pixels), np.uint8).reshape(height, width, 3)
        except (ValueError, KeyError, TypeError) as error:
            raise Gone from error
        if header is None:
            raise Gone
        self.is_ready = True
        return ModelInput(array, header, note)

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._child.kill()

    def close(self) -> None:
        """End the process and give back what it held; only the thread that waits for it may."""
        self._child.close()

    def post_mortem(self) -> DecodeError:
        """Why the process ended."""
        try:
            code = self._child.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return DecodeError(FileStatus.CORRUPT, "its decoder lost its way")
        if code == -signal.SIGKILL:
            return DecodeError(FileStatus.TOO_LARGE, "the system killed its decoder")
        if code == -signal.SIGXCPU:
            return DecodeError(FileStatus.TOO_SLOW, "its decoder took too long")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return DecodeError(FileStatus.CORRUPT, f"its decoder crashed ({name})")

    def _refusal(self, answer: dict[str, Any]) -> DecodeError:
        error = error_from_json(answer)
        self.is_ready = True
        return error

    @contextmanager
    def _share(self, budget: MemoryBudget, size: object) -> Iterator[dict[str, Any]]:
        """Memory for the worker, and what to tell it; time spent waiting does not count."""
        if not isinstance(size, int) or size < 0:
            raise ValueError("a worker asks for no number of bytes")
        refusal = budget.refusal(size)
        if refusal:
            yield {"refused": refusal}
            return
        left = self._child.deadline - time.monotonic()
        with budget.share(size):
            self._child.deadline = time.monotonic() + left
            yield {}


def _started() -> _Worker:
    """A new worker.

    Raises:
        DecodeError: there can be none, for want of memory, descriptors or processes.
    """
    try:
        worker = _Worker()
    except OSError as error:
        raise DecodeError(FileStatus.UNREADABLE, f"no process to decode it: {error}") from error
    try:
        worker.wait_until_started()
    except (Gone, TooSlow, ValueError) as error:
        worker.close()
        raise DecodeError(FileStatus.UNREADABLE, "no process to decode it starts") from error
    return worker
