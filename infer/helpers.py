"""Helper processes, which prepare files where one Python's lock would hold many threads up.

A picture of 500×375 pixels takes some 2 ms to prepare, and in that time its thread gives Python's
lock away and waits for it again a dozen times: 16 threads of one process are three times as fast as
one. So from eight decode threads on each gets a process, hands it a few paths at a time, and finds
the pictures in memory that both share.

Rows do not depend on helpers: whatever a helper cannot do at once (see ``helper_process``) its
thread does itself. A helper that crashes takes nothing with it: its files are decoded again, in
worker processes.
"""

import mmap
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from .limits import Limits
from .prepare import PreparedImage
from .preprocess import PixelArray
from .results import Doubt, FileStatus, ScanRow
from .rows import path_text
from .worker_messages import limits_as_json, packed, unpacked
from .worker_pool import ENVIRONMENT

CHUNK = 8
"""Files that a helper gets at once: few enough that no helper is last for long."""

LEAST_MEMORY = 32 << 20
"""Bytes with which a helper can decode pictures worth helping with, about 3 megapixels."""

_HELPED_THREADS = 8
"""From so many decode threads on each gets a helper; fewer are not held up enough to pay for it."""


def usual_decode_processes(decode_threads: int) -> int:
    """Helpers where the user does not say otherwise."""
    return decode_threads if decode_threads >= _HELPED_THREADS else 0


class HelperGone(Exception):  # noqa: N818 - it tells its thread to go on alone, no user sees it
    """The helper has ended, or says what no helper of ours says."""


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

    Raises:
        OSError: it cannot be had.
    """

    def __init__(self, setup: HelperSetup) -> None:
        height, width = setup.size
        self.memory = setup.memory
        shape = (CHUNK, height, width, 3)
        size = int(np.prod(shape))
        descriptor = _memory_file(size)
        try:
            self._pixels = np.frombuffer(mmap.mmap(descriptor, size), np.uint8).reshape(shape)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"{__package__}.helper_process", str(descriptor)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **ENVIRONMENT},
                pass_fds=(descriptor,),
                # Ctrl-C is for the scan, which then ends its helpers.
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._is_ready = False
        told = {"size": setup.size, "slots": CHUNK, "limits": limits_as_json(setup.limits)}
        with suppress(HelperGone):
            self._send(told | {"memory": setup.memory, "largest": setup.largest})

    def is_ready(self, timeout_s: float = 0.0) -> bool:
        """Whether it takes files by now.

        Raises:
            HelperGone: it ended before.
        """
        if not self._is_ready:
            answered = select.poll()
            answered.register(self._output, select.POLLIN)
            if not answered.poll(1000 * timeout_s):
                return False
            self._receive()
            self._is_ready = True
        return True

    def prepare(self, paths: Sequence[bytes]) -> list[PreparedImage | None]:
        """Prepare files, at most ``CHUNK``; ``None`` for each that is left to the caller.

        The pixels are valid until the next call.

        Raises:
            HelperGone: it ended meanwhile.
        """
        self._send({}, b"\0".join(paths))
        rows = self._receive().get("rows")
        if not isinstance(rows, list) or len(rows) != len(paths):
            raise HelperGone
        slots = zip(paths, rows, self._pixels, strict=False)
        return [None if row is None else _prepared(path, row, slot) for path, row, slot in slots]

    def kill(self) -> None:
        """End the process; whoever waits for it meets the end of its output."""
        with suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """End the process and give back what it held; only its own thread may."""
        self.kill()
        self._process.wait()
        for stream in (self._input, self._output):
            with suppress(OSError):
                stream.close()

    def _send(self, values: dict[str, Any], data: bytes = b"") -> None:
        try:
            self._input.write(packed(values, len(data)) + data)
            self._input.flush()
        except (OSError, ValueError) as error:
            raise HelperGone from error

    def _receive(self) -> dict[str, Any]:
        try:
            return unpacked(self._read, 0)[0]
        except (OSError, ValueError) as error:
            raise HelperGone from error

    def _read(self, count: int) -> bytes:
        content = self._output.read(count)
        if len(content) < count:
            raise HelperGone
        return content


class Helpers:
    """All helpers of a scan, one for each of the first decode threads that ask.

    Args:
        setup: what they are told.
        count: most that run at once.
    """

    def __init__(self, setup: HelperSetup, count: int) -> None:
        self._setup = setup
        self._free = count
        self._running: set[Helper] = set()
        self._lock = threading.Lock()
        self.is_cancelled = False

    def start(self) -> Helper | None:
        """A new helper; ``None`` where there are enough, or no process can be had."""
        with self._lock:
            if self._free == 0 or self.is_cancelled:
                return None
            self._free -= 1
        try:
            helper = Helper(self._setup)
        except OSError:
            return None
        with self._lock:
            self._running.add(helper)
            was_cancelled = self.is_cancelled
        if was_cancelled:
            helper.kill()
        return helper

    def end(self, helper: Helper) -> None:
        """Give one back, so that another may start."""
        helper.close()
        with self._lock:
            self._running.discard(helper)
            self._free += 1

    def cancel(self) -> None:
        """Kill all of them; whoever waits for one stops."""
        with self._lock:
            self.is_cancelled = True
            for helper in self._running:
                helper.kill()


def _prepared(path: bytes, values: object, pixels: PixelArray) -> PreparedImage:
    """What a helper says of a picture.

    Raises:
        HelperGone: it says something else.
    """
    match values:
        case [int(width), int(height), str(kind), int(size), str(note), str() | None as name]:
            doubt = Doubt.__members__.get(name) if name is not None else None
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


def _memory_file(size: int) -> int:
    """A descriptor of memory that another process can share; without a name where that exists."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("trustthepixels")
    else:
        # Of no use on Linux, and slow to import.
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
