"""Decode processes. With eight or more decode threads, the GIL limits throughput.

A picture of 500×375 pixels takes some 2 ms to prepare. In that time its thread releases and takes
the GIL a dozen times: 16 threads of one process are only three times as fast as one. So each of
eight or more decode threads gets a process, sends it a few paths at a time, and finds the pictures
in shared memory.

Rows do not depend on decode processes: a thread prepares the files that its process leaves (see
``scan.decode_process_main``). If a process crashes or stops, its files are decoded again, in worker
processes.
"""

import math
import mmap
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files.paths import path_text
from ..images.formats.registry import registered_formats
from ..images.limits import Limits
from ..images.pixels import PixelArray
from ..images.shape import InputShape
from ..isolation.messages import limits_as_json, provenance_from_json, shape_as_json
from ..isolation.process import ChildProcess, Gone, TooSlow
from ..isolation.shared_memory import memory_file
from ..results import Doubt, FileStatus, Provenance, ScanRow
from .prepare import PreparedImage

MAX_HELPED_DETAILS = 1 << 12
"""Characters of a file's provenance details that a helper's answer holds; the scan reads longer
ones itself."""

CHUNK = 8
"""Files that a decode process gets at once: few enough that none is the last for long."""

_SHORTEST_CHUNK_S = 10.0
"""Least seconds for a chunk, which takes some 20 ms, before its process counts as stopped."""

_ANSWER_S = 1.0
"""Seconds for the rest of an answer after its beginning."""

_MOST_FAILURES = 3
"""Failed starts after which no further decode process is started."""


class HelperGone(Exception):  # noqa: N818 - its thread continues alone; no user sees it
    """The decode process has exited or stopped, or sent an invalid message."""


@dataclass(frozen=True, slots=True)
class HelperSetup:
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


class Helper:
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

    def __init__(self, setup: HelperSetup) -> None:
        self._setup = setup
        self.memory = setup.memory + setup.largest
        self.was_ready = False
        self._chunk_s = max(setup.limits.timeout_s, _SHORTEST_CHUNK_S)
        axes = (CHUNK, *setup.shape.axes)
        size = math.prod(axes)
        descriptor = memory_file(size)
        try:
            self._pixels = np.frombuffer(mmap.mmap(descriptor, size), np.uint8).reshape(axes)
            self.child = ChildProcess(
                f"{__package__}.decode_process_main", [str(descriptor)], [descriptor]
            )
        finally:
            os.close(descriptor)

    def is_ready(self, timeout_s: float = 0.0) -> bool:
        """Return whether it takes files by now.

        Raises:
            HelperGone: it has exited, or its start timed out.
        """
        if self.was_ready:
            # It sends nothing by itself from then on, so any output means that it has ended.
            if self.child.has_answer():
                raise HelperGone
            return True
        if not self.child.has_answer(timeout_s):
            if time.monotonic() > self.child.deadline:
                raise HelperGone
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
            HelperGone: it exited meanwhile.
        """
        self.child.deadline = time.monotonic() + self._chunk_s
        self._send({"folder": _folder()}, b"\0".join(paths))
        rows = self._receive(self._chunk_s).get("rows")
        if not isinstance(rows, list) or len(rows) != len(paths):
            raise HelperGone
        slots = zip(paths, rows, self._pixels, strict=False)
        return [None if row is None else _prepared(path, row, slot) for path, row, slot in slots]

    def _send(self, values: dict[str, object], data: bytes = b"") -> None:
        try:
            self.child.send(values, data)
        except (Gone, TooSlow) as error:
            raise HelperGone from error

    def _receive(self, timeout_s: float) -> dict[str, object]:
        self.child.deadline = time.monotonic() + timeout_s
        try:
            return self.child.receive(0)[0]
        except (Gone, TooSlow, ValueError) as error:
            raise HelperGone from error


class Helpers:
    """All decode processes of a scan, one for each of the first decode threads that ask.

    Args:
        setup: common settings.
        count: most processes at once.

    Attributes:
        is_cancelled: true if the scan has ended.
    """

    def __init__(self, setup: HelperSetup, count: int) -> None:
        self._setup = setup
        self._free = count
        self._failures = 0
        self._running: set[Helper] = set()
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self.is_cancelled = False

    def start(self) -> Helper | None:
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
            helper = Helper(self._setup)
        except OSError:
            with self._lock:
                self._failures += 1
            return None
        finally:
            self._starting.release()
        with self._lock:
            self._free -= 1
            self._running.add(helper)
            was_cancelled = self.is_cancelled
        if was_cancelled:
            helper.child.kill()
        return helper

    def end(self, helper: Helper) -> None:
        """End a decode process, so that another may start."""
        helper.child.close()
        with self._lock:
            self._running.discard(helper)
            self._free += 1
            self._failures += not helper.was_ready and not self.is_cancelled

    def cancel(self) -> None:
        """Kill all decode processes; threads that wait for one stop."""
        with self._lock:
            self.is_cancelled = True
            for helper in self._running:
                helper.child.kill()


def _prepared(path: bytes, values: object, pixels: PixelArray) -> PreparedImage:
    """Return a decode process's answer for a picture, checked: a hostile file may have taken it
    over.

    Raises:
        HelperGone: the answer is invalid.
    """
    match values:
        case [
            int(width),
            int(height),
            str(kind),
            int(size),
            str(note),
            str() | None as name,
            stated,
            str(details),
        ]:
            doubt = None if name is None else Doubt.__members__.get(name)
            is_doubted = (name is None) == (doubt is None)
            is_sound = min(width, height, size) > 0 and kind in registered_formats()
            if is_sound and is_doubted and note.isprintable():
                row = ScanRow(
                    path_text(path),
                    FileStatus.OK,
                    width=width,
                    height=height,
                    format=kind,
                    bytes=size,
                    note=note,
                    provenance=_provenance(stated, details),
                )
                return PreparedImage(pixels, row, doubt)
    raise HelperGone


def _provenance(stated: object, details: str) -> Provenance | None:
    """Provenance from a helper, checked; ``None`` if none was read.

    Raises:
        HelperGone: it is something else.
    """
    if stated is None:
        return None
    try:
        return provenance_from_json(stated, details.encode())
    except ValueError as error:
        raise HelperGone from error


def _folder() -> str | None:
    """Return the folder of relative paths, which can change while a program scans."""
    try:
        return str(Path.cwd())
    except OSError:
        return None
