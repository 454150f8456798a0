"""One worker process, from the side of the scan: a file's bytes in, the model's input out."""

import math
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..flow.budget import MemoryBudget
from ..images.decode import DecodeError, ModelInput
from ..images.limits import Limits
from ..images.shape import InputShape
from ..results import FileStatus
from .messages import error_from_json, header_from_json, limits_as_json, shape_as_json
from .process import ChildProcess, Gone, TooSlow


class WorkerHandle:
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


def started_worker() -> WorkerHandle:
    """Return a new worker.

    Raises:
        DecodeError: the system is out of memory, file descriptors or processes.
    """
    try:
        worker = WorkerHandle()
    except OSError as error:
        raise DecodeError(FileStatus.UNREADABLE, f"no process to decode it: {error}") from error
    try:
        worker.wait_until_started()
    except (Gone, TooSlow, ValueError) as error:
        worker.close()
        raise DecodeError(FileStatus.UNREADABLE, "no process to decode it starts") from error
    return worker
