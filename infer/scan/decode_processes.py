"""Helper processes, which prepare files where one Python's lock would hold many threads up.

A picture of 500×375 pixels takes some 2 ms to prepare, and in that time its thread gives Python's
lock away and waits for it again a dozen times: 16 threads of one process are three times as fast as
one. So from eight decode threads on each gets a process, hands it a few paths at a time, and finds
the pictures in memory that both share.

Rows do not depend on helpers: whatever a helper cannot do at once (see ``helper_process``) its
thread does itself. A helper that crashes or stops takes nothing with it: its files are decoded
again, in worker processes.
"""

import mmap
import os
import resource
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files.paths import path_text
from ..images.formats.registry import registered_formats
from ..images.limits import Limits
from ..images.preprocess import PixelArray
from ..isolation.messages import limits_as_json
from ..isolation.process import ChildProcess, Gone, TooSlow
from ..isolation.shared_memory import memory_file
from ..results import Doubt, FileStatus, ScanRow
from ..system.memory import usable_memory
from .prepare import PreparedImage

CHUNK = 8
"""Files that a helper gets at once: few enough that no helper is last for long."""

DESCRIPTORS = 3
"""That each helper keeps open in the scan: its memory and two pipes."""

_SHORTEST_CHUNK_S = 10.0
"""A chunk takes some 20 ms; so long it has at least before its helper counts as stopped."""

_ANSWER_S = 1.0
"""For the rest of an answer whose beginning is there."""

_MOST_FAILURES = 3
"""Helpers that may fail to start before none is tried any more."""


class HelperGone(Exception):  # noqa: N818 - it tells its thread to go on alone, no user sees it
    """The helper has ended or stopped, or says what no helper of ours says."""


@dataclass(frozen=True, slots=True)
class HelperSetup:
    """What all helpers of a scan are told.

    Attributes:
        size: height and width that the model takes.
        limits: what is refused.
        memory: bytes that one may take to decode a picture.
        largest: bytes of the largest file that one reads.
    """

    size: tuple[int, int]
    limits: Limits
    memory: int
    largest: int


class Helper:
    """One process, and the memory that it fills.

    Args:
        setup: what it is told.

    Attributes:
        memory: bytes that it may take while it prepares files.
        child: the process.
        was_ready: whether it ever took files.

    Raises:
        OSError: it cannot be had.
    """

    def __init__(self, setup: HelperSetup) -> None:
        height, width = setup.size
        self._setup = setup
        self.memory = setup.memory
        self.was_ready = False
        self._chunk_s = max(setup.limits.timeout_s, _SHORTEST_CHUNK_S)
        shape = (CHUNK, height, width, 3)
        size = int(np.prod(shape))
        descriptor = memory_file(size)
        try:
            self._pixels = np.frombuffer(mmap.mmap(descriptor, size), np.uint8).reshape(shape)
            self.child = ChildProcess(
                f"{__package__}.decode_process_main", [str(descriptor)], [descriptor]
            )
        finally:
            os.close(descriptor)

    def is_ready(self, timeout_s: float = 0.0) -> bool:
        """Whether it takes files by now.

        Raises:
            HelperGone: it has ended, or takes too long to start.
        """
        if self.was_ready:
            # It says nothing of itself from then on, so that it does is its end.
            if self.child.has_answer():
                raise HelperGone
            return True
        if not self.child.has_answer(timeout_s):
            if time.monotonic() > self.child.deadline:
                raise HelperGone
            return False
        self._receive(_ANSWER_S)
        told = {"size": self._setup.size, "slots": CHUNK, "memory": self.memory}
        told |= {"limits": limits_as_json(self._setup.limits), "largest": self._setup.largest}
        self._send(told)
        self.was_ready = True
        return True

    def prepare(self, paths: Sequence[bytes]) -> list[PreparedImage | None]:
        """Prepare files, at most ``CHUNK``; ``None`` for each that is left to the caller.

        The pixels are valid until the next call.

        Raises:
            HelperGone: it ended meanwhile.
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
    """All helpers of a scan, one for each of the first decode threads that ask.

    Args:
        setup: what they are told.
        count: most that run at once.

    Attributes:
        is_cancelled: whether the scan has ended.
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
        """A new helper, which is not ready yet.

        ``None`` where there are enough, another one starts just now, or too many have failed to.
        """
        # One after the other, because each needs more descriptors while it starts.
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
        """Give one back, so that another may start."""
        helper.child.close()
        with self._lock:
            self._running.discard(helper)
            self._free += 1
            self._failures += not helper.was_ready and not self.is_cancelled

    def cancel(self) -> None:
        """Kill all of them; whoever waits for one stops."""
        with self._lock:
            self.is_cancelled = True
            for helper in self._running:
                helper.child.kill()


def _prepared(path: bytes, values: object, pixels: PixelArray) -> PreparedImage:
    """What a helper says of a picture, checked: a hostile file may have taken it over.

    Raises:
        HelperGone: it says something else.
    """
    match values:
        case [int(width), int(height), str(kind), int(size), str(note), str() | None as name]:
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
                )
                return PreparedImage(pixels, row, doubt)
    raise HelperGone


def _folder() -> str | None:
    """Where relative paths begin, which can change while a program scans."""
    try:
        return str(Path.cwd())
    except OSError:
        return None


LEAST_MEMORY = 32 << 20
"""Bytes with which a helper can decode pictures worth helping with, about 3 megapixels."""


HELPED_SHARE = 0.75
"""Of the memory for all files that are decoded; the rest is for what helpers leave."""


_HELPED_THREADS = 8
"""From so many decode threads on each gets a helper; fewer are not held up enough to pay for it."""


_OWN_MEMORY = 48 << 20
"""Bytes that a helper takes before it decodes anything."""


_OWN_SHARE = 1 / 8
"""Of the memory that this process may use, for what helpers take so."""


_OTHER_DESCRIPTORS = 64
"""Kept free for the walk, the files that threads read, workers, and the start of a helper."""


_DESCRIPTORS_EACH = DESCRIPTORS + 1
"""A thread with a helper also reads files itself."""


_OPEN_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))


def usual_decode_processes(decode_threads: int) -> int:
    """Helpers where the user does not say otherwise."""
    return decode_threads if decode_threads >= _HELPED_THREADS else 0


def affordable_helpers(wanted: int, memory: int) -> int:
    """So many as wanted, or fewer.

    Args:
        wanted: how many.
        memory: bytes for all files that are decoded at once.
    """
    by_memory = int(HELPED_SHARE * memory) // LEAST_MEMORY
    by_size = int(_OWN_SHARE * usable_memory()) // _OWN_MEMORY
    by_descriptors = (_free_descriptors() - _OTHER_DESCRIPTORS) // _DESCRIPTORS_EACH
    return max(0, min(wanted, by_memory, by_size, by_descriptors))


def _free_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    for folder in _OPEN_DESCRIPTORS:
        with suppress(OSError):
            return soft - sum(1 for _ in folder.iterdir())
    return 0
