"""Worker processes that decode what a thread must not, started when the first such file comes.

One for each decode thread at most, since a thread waits for its own. A worker that takes too long
is killed, and so is every worker when the scan ends or is interrupted; one that crashes takes only
its file with it. Should the scan itself be killed, its workers notice that their input ended.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from .channel import Cancelled
from .decode import DecodeError, ModelInput
from .limits import Limits
from .memory import MemoryBudget
from .results import FileStatus
from .worker_messages import error_from_json, header_from_json, limits_as_json, packed, unpacked

_START_TIMEOUT_S = 60.0
_PART = 1 << 20
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Threads and arenas that a decoder does not need would count against its memory."""


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
            except _TooSlow:
                reason = f"not decoded within {limits.timeout_s:g} s"
                raise DecodeError(FileStatus.TOO_SLOW, reason) from None
            except _Gone as error:
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


class _TooSlow(Exception):  # noqa: N818 - it says what happened to one file, inside this module
    """The time for one file is over."""


class _Gone(Exception):  # noqa: N818 - likewise
    """The worker has ended, or says what no worker of ours says."""


class _Worker:
    """One process and the pipes to it.

    Attributes:
        is_ready: whether it waits for a file.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input = process.stdin.fileno()
        self._output = process.stdout.fileno()
        self._deadline = time.monotonic() + _START_TIMEOUT_S
        self.is_ready = False
        for descriptor in (self._input, self._output):
            os.set_blocking(descriptor, False)

    def wait_until_started(self) -> None:
        """Wait for the first sign of life.

        Raises:
            _Gone, _TooSlow: there is none.
        """
        self._receive(0)
        self.is_ready = True

    def decode(
        self, data: bytes, size: tuple[int, int], limits: Limits, budget: MemoryBudget
    ) -> ModelInput:
        """See ``WorkerPool.decode_to_size``."""
        height, width = size
        self.is_ready = False
        self._deadline = time.monotonic() + limits.timeout_s
        try:
            self._send({"size": size, "limits": limits_as_json(limits)}, data)
            answer, _ = self._receive(0)
            if "memory" not in answer:
                raise self._refusal(answer)
            with self._share(budget, answer["memory"]) as permission:
                self._send(permission)
                answer, pixels = self._receive(height * width * 3)
            if "status" in answer:
                raise self._refusal(answer)
            header, note = header_from_json(answer["header"]), str(answer["note"])
            array = np.frombuffer(bytearray(pixels), np.uint8).reshape(height, width, 3)
        except (ValueError, KeyError, TypeError) as error:
            raise _Gone from error
        if header is None:
            raise _Gone
        self.is_ready = True
        return ModelInput(array, header, note)

    def kill(self) -> None:
        """End the process, whatever it does; whoever waits for it meets the end of its output."""
        with suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """End the process and give back what it held; only the thread that waits for it may."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def post_mortem(self) -> DecodeError:
        """Why the process ended."""
        try:
            code = self._process.wait(1.0)
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
        left = self._deadline - time.monotonic()
        with budget.share(size):
            self._deadline = time.monotonic() + left
            yield {}

    def _send(self, values: dict[str, Any], data: bytes = b"") -> None:
        for part in (packed(values, len(data)), data):
            rest = memoryview(part)
            while rest:
                self._wait(self._input, select.POLLOUT)
                try:
                    rest = rest[os.write(self._input, rest[:_PART]) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise _Gone from error

    def _receive(self, max_size: int) -> tuple[dict[str, Any], bytes]:
        return unpacked(self._read, max_size)

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            self._wait(self._output, select.POLLIN)
            try:
                part = os.read(self._output, count - len(content))
            except BlockingIOError:
                continue
            except OSError as error:
                raise _Gone from error
            if not part:
                raise _Gone
            content += part
        return content

    def _wait(self, descriptor: int, event: int) -> None:
        """Wait until a pipe can be read or written."""
        ready = select.poll()
        ready.register(descriptor, event)
        left = self._deadline - time.monotonic()
        # Also when time is up: Ctrl-Z stops the scan and not the worker, which may have answered.
        if not ready.poll(1000 * max(0.0, left)):
            raise _TooSlow


def _started() -> _Worker:
    """A new worker.

    Raises:
        DecodeError: there can be none, for want of memory, descriptors or processes.
    """
    command = [sys.executable, "-P", "-m", "trustthepixels.infer.worker"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT},
            # Ctrl-C is for the scan, which then ends its workers.
            start_new_session=True,
        )
    except OSError as error:
        raise DecodeError(FileStatus.UNREADABLE, f"no process to decode it: {error}") from error
    worker = _Worker(process)
    try:
        worker.wait_until_started()
    except (_Gone, _TooSlow) as error:
        worker.close()
        raise DecodeError(FileStatus.UNREADABLE, "no process to decode it starts") from error
    return worker
