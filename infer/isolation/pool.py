"""Worker processes for files that a thread must not decode, started when the first such file comes.

There is at most one for each decode thread, because a thread waits for its worker. A worker that
times out is killed, and so are all workers when the scan ends or is interrupted. A worker that
crashes loses only its own file. If the scan itself is killed, its workers end with their input.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from ..flow.budget import MemoryBudget
from ..flow.channel import Cancelled
from ..images.decode import DecodeError, ModelInput
from ..images.limits import Limits
from ..images.shape import InputShape
from ..results import FileStatus
from ..system.memory import usable_memory
from .availability import can_start
from .process import Gone, TooSlow
from .worker_handle import WorkerHandle, started_worker

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
        self._idle: list[WorkerHandle] = []
        self._all: set[WorkerHandle] = set()
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
    def _worker(self) -> Iterator[WorkerHandle]:
        with self._places, self._placed() as worker:
            try:
                yield worker
            except (TooSlow, Gone) as error:
                if self._cancelled:
                    raise Cancelled from None
                raise worker.post_mortem() from error

    @contextmanager
    def _placed(self) -> Iterator[WorkerHandle]:
        with self._lock:
            if self._cancelled:
                raise Cancelled
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            # The scan can end while it starts; its input ends then.
            worker = started_worker()
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
