"""Worker processes for files that a thread must not decode, started when the first such file comes.

There is at most one for each decode thread, because a thread waits for its worker. A worker that
times out is killed, and so are all workers when the scan ends or is interrupted. A worker that
crashes loses only its own file. If the scan itself is killed, its workers end with their input.
"""

import math
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from ..flow.budget import MemoryBudget
from ..flow.channel import Cancelled
from ..images.decode import DecodeError, ModelInput
from ..images.limits import Limits
from ..images.shape import InputShape
from ..results import FileStatus
from ..system.memory import usable_memory
from .availability import can_start
from .messages import error_from_json, header_from_json, limits_as_json, shape_as_json
from .process import ChildProcess, Gone, TooSlow

_OWN_MEMORY = 48 << 20
"""Bytes that a worker uses before it decodes anything."""

_OWN_SHARE = 1 / 8
"""Share of this process's memory for the workers' own use."""


def most_workers() -> int:
    """Return the number of workers for which there is memory, at least 1."""
    return max(1, int(_OWN_SHARE * usable_memory()) // _OWN_MEMORY)


class WorkerPool:
    """Idle and busy workers.

    Args:
        most: workers that may be busy at once; ``None`` for any number.

    Attributes:
        is_available: true if workers can run here, see ``availability.can_start``.
    """

    is_available = can_start

    def __init__(self, most: int | None = None) -> None:
        self._places = nullcontext() if most is None else threading.Semaphore(most)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def decode_to_size(
        self, data: bytes, shape: InputShape, limits: Limits, budget: MemoryBudget
    ) -> ModelInput:
        """Run ``decode.decode_to_size`` in a process that can be killed.

        Raises:
            DecodeError: the file has no pixels; the error has the status of its row.
            Cancelled: the run was cancelled.
        """
        with self._worker() as worker:
            try:
                return worker.decode(data, shape, limits, budget)
            except TooSlow:
                reason = f"not decoded within {limits.timeout_s:g} s"
                raise DecodeError(FileStatus.TOO_SLOW, reason) from None

    def ask(
        self, requests: Sequence[tuple[dict[str, Any], bytes]], limits: Limits, max_size: int
    ) -> tuple[dict[str, Any], bytes]:
        """Return a worker's answer to requests, of which the last one is answered.

        Args:
            requests: values and bytes of each.
            limits: limits on what the file may cost.
            max_size: most bytes of the answer.

        Raises:
            DecodeError: there is no answer, for want of a process or because it failed.
            Cancelled: the run was cancelled.
        """
        with self._worker() as worker:
            return worker.ask(requests, limits, max_size)

    def cancel(self) -> None:
        """Kill all workers; threads that wait for one stop."""
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
        with self._places, self._placed() as worker:
            try:
                yield worker
            except (TooSlow, Gone) as error:
                if self._cancelled:
                    raise Cancelled from None
                raise worker.post_mortem() from error

    @contextmanager
    def _placed(self) -> Iterator["_Worker"]:
        with self._lock:
            if self._cancelled:
                raise Cancelled
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            # The scan can end while it starts; its input ends then.
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
    """A process that decodes one file at a time.

    Attributes:
        is_ready: true if it waits for a file.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(self) -> None:
        self._child = ChildProcess(f"{__package__}.worker")
        self.is_ready = False

    def wait_until_started(self) -> None:
        """Wait for its first message.

        Raises:
            Gone, TooSlow: there is none.
        """
        self._child.receive(0)
        self.is_ready = True

    def decode(
        self, data: bytes, shape: InputShape, limits: Limits, budget: MemoryBudget
    ) -> ModelInput:
        """Decode a file, see ``WorkerPool.decode_to_size``."""
        self.is_ready = False
        self._child.deadline = time.monotonic() + limits.timeout_s
        try:
            self._child.send(
                {"shape": shape_as_json(shape), "limits": limits_as_json(limits)}, data
            )
            answer, _ = self._child.receive(0)
            if "memory" not in answer:
                raise self._refusal(answer)
            with self._share(budget, answer["memory"]) as permission:
                self._child.send(permission)
                answer, pixels = self._child.receive(math.prod(shape.axes))
            if "status" in answer:
                raise self._refusal(answer)
            header, note = header_from_json(answer["header"]), str(answer["note"])
            array = np.frombuffer(bytearray(pixels), np.uint8).reshape(shape.axes)
        except (ValueError, KeyError, TypeError) as error:
            raise Gone from error
        if header is None:
            raise Gone
        self.is_ready = True
        return ModelInput(array, header, note)

    def ask(
        self, requests: Sequence[tuple[dict[str, Any], bytes]], limits: Limits, max_size: int
    ) -> tuple[dict[str, Any], bytes]:
        """Return the answer to the last of these requests; see ``WorkerPool.ask``."""
        self.is_ready = False
        self._child.deadline = time.monotonic() + limits.timeout_s
        try:
            for values, data in requests:
                self._child.send(values, data)
            answer = self._child.receive(max_size)
        except ValueError as error:
            raise Gone from error
        self.is_ready = True
        return answer

    def kill(self) -> None:
        """End the process at once."""
        self._child.kill()

    def close(self) -> None:
        """End the process and free its resources; only the thread that waits for it may call
        this."""
        self._child.close()

    def post_mortem(self) -> DecodeError:
        """Return the reason why the process ended."""
        try:
            code = self._child.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return DecodeError(FileStatus.CORRUPT, "decoder sent an invalid reply")
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
        """Return memory for the worker, and the answer to its request; waiting does not count as
        time."""
        if not isinstance(size, int) or size < 0:
            raise ValueError("a worker did not ask for a number of bytes")
        refusal = budget.refusal(size)
        if refusal:
            yield {"refused": refusal}
            return
        left = self._child.deadline - time.monotonic()
        with budget.share(size):
            self._child.deadline = time.monotonic() + left
            yield {}


def _started() -> _Worker:
    """Return a new worker.

    Raises:
        DecodeError: the system is out of memory, file descriptors or processes.
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
