"""One decode process, from the side of its thread: paths in, pictures in shared memory out."""

import math
import mmap
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...images.limits import Limits
from ...images.shape import InputShape
from ...isolation.messages import limits_as_json, shape_as_json
from ...isolation.process import ChildProcess, Gone, TooSlow
from ...isolation.shared_memory import memory_file
from ..prepare import PreparedImage
from .answers import from_answer

CHUNK = 8
"""Files that a decode process gets at once: few enough that none is the last for long."""

_SHORTEST_CHUNK_S = 10.0
"""Least seconds for a chunk, which takes some 20 ms, before its process counts as stopped."""

_ANSWER_S = 1.0
"""Seconds for the rest of an answer after its beginning."""


class DecodeProcessGone(Exception):  # noqa: N818 - its thread continues alone; no user sees it
    """The decode process has exited or stopped, or sent an invalid message."""


@dataclass(frozen=True, slots=True)
class DecodeProcessSetup:
    """Common settings of all decode processes of a scan.

    Attributes:
        shape: shape of the model's input.
        limits: limits on one file.
        memory: bytes for decoding a picture in one process.
        largest: bytes of the largest file that a process reads.
        details: name of the detail that is kept of provenance; ``None`` to read none.
    """

    shape: InputShape
    limits: Limits
    memory: int
    largest: int
    details: str | None = None


class DecodeProcess:
    """A decode process, and the memory that it fills.

    Args:
        setup: common settings.

    Attributes:
        memory: bytes that it may use while it prepares files, the file included.
        child: the process.
        was_ready: true if it has ever taken files.

    Raises:
        OSError: the process or its memory is unavailable.
    """

    def __init__(self, setup: DecodeProcessSetup) -> None:
        self._setup = setup
        self.memory = setup.memory + setup.largest
        self.was_ready = False
        self._chunk_s = max(setup.limits.timeout_s, _SHORTEST_CHUNK_S)
        axes = (CHUNK, *setup.shape.axes)
        size = math.prod(axes)
        descriptor = memory_file(size)
        try:
            self._pixels = np.frombuffer(mmap.mmap(descriptor, size), np.uint8).reshape(axes)
            self.child = ChildProcess(f"{__package__}.main", [str(descriptor)], [descriptor])
        finally:
            os.close(descriptor)

    def is_ready(self, timeout_s: float = 0.0) -> bool:
        """Return whether it takes files by now.

        Raises:
            DecodeProcessGone: it has exited, or its start timed out.
        """
        if self.was_ready:
            # It sends nothing by itself from then on, so any output means that it has ended.
            if self.child.has_answer():
                raise DecodeProcessGone
            return True
        if not self.child.has_answer(timeout_s):
            if time.monotonic() > self.child.deadline:
                raise DecodeProcessGone
            return False
        self._receive(_ANSWER_S)
        told = {"shape": shape_as_json(self._setup.shape), "slots": CHUNK}
        told |= {"limits": limits_as_json(self._setup.limits), "largest": self._setup.largest}
        told |= {"memory": self._setup.memory, "provenance": self._setup.details}
        self._send(told)
        self.was_ready = True
        return True

    def prepare(self, paths: Sequence[bytes]) -> list[PreparedImage | None]:
        """Prepare files, at most ``CHUNK``; ``None`` for each that is left to the caller.

        The pixels are valid until the next call.

        Raises:
            DecodeProcessGone: it exited meanwhile.
        """
        self.child.deadline = time.monotonic() + self._chunk_s
        self._send({"folder": _folder()}, b"\0".join(paths))
        rows = self._receive(self._chunk_s).get("rows")
        if not isinstance(rows, list) or len(rows) != len(paths):
            raise DecodeProcessGone
        slots = zip(paths, rows, self._pixels, strict=False)
        try:
            return [
                None if row is None else from_answer(path, row, slot) for path, row, slot in slots
            ]
        except ValueError as error:
            raise DecodeProcessGone from error

    def _send(self, values: dict[str, object], data: bytes = b"") -> None:
        try:
            self.child.send(values, data)
        except (Gone, TooSlow) as error:
            raise DecodeProcessGone from error

    def _receive(self, timeout_s: float) -> dict[str, object]:
        self.child.deadline = time.monotonic() + timeout_s
        try:
            return self.child.receive(0)[0]
        except (Gone, TooSlow, ValueError) as error:
            raise DecodeProcessGone from error


def _folder() -> str | None:
    """Return the folder of relative paths, which can change while a program scans."""
    try:
        return str(Path.cwd())
    except OSError:
        return None
