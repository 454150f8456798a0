"""The process that decodes what must not be decoded in the scan's own: ``python -m`` this module.

It takes files from standard input and gives pictures at the model's size, or reasons, to standard
output, until its input ends. It opens no file, and is limited in memory and processor time anew for
each picture, so that whatever a decoder does ends as a reason for one file.
"""

import os
import queue
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from PIL import AvifImagePlugin, Image

from .decode import DecodeError, decode_to_size
from .diagnosis import unexpected
from .errors import ImageError
from .limits import Limits
from .results import FileStatus
from .worker_messages import header_as_json, limits_from_json, packed, unpacked

SLACK = 64 << 20
"""Bytes beyond the estimate that a decoder may take before allocations fail."""

_HEADER_MEMORY = 256 << 20
"""Bytes that reading a header may take, beside the file itself."""

_CPU_GRACE_S = 10
"""Processor seconds beyond the time limit: only for a worker that nobody kills in time."""

_Message = tuple[dict[str, Any], bytes]


def main() -> None:
    """Serve until standard input ends."""
    output = own_output()
    messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_all, args=(sys.stdin.buffer, messages), daemon=True)
    reader.start()
    give_up_rights()
    send(output, {"ready": True})
    while True:
        values, data = messages.get()
        budget = _AskedBudget(output, messages)
        limits = limits_from_json(values["limits"])
        height, width = values["size"]
        limit_time(limits)
        limit_memory(2 * len(data) + _HEADER_MEMORY)
        _answer(output, data, (height, width), limits, budget)


class _AskedBudget:
    """Memory that the scan gives out: the worker says how much it needs, and waits."""

    def __init__(self, output: BinaryIO, messages: "queue.SimpleQueue[_Message]") -> None:
        self._output = output
        self._messages = messages

    @contextmanager
    def share(self, size: int) -> Iterator[None]:
        """Ask for ``size`` bytes."""
        send(self._output, {"memory": size})
        answer, _ = self._messages.get()
        if "refused" in answer:
            raise ImageError(FileStatus.TOO_LARGE, answer["refused"])
        limit_memory(size + SLACK)
        yield


def _answer(
    output: BinaryIO, data: bytes, size: tuple[int, int], limits: Limits, budget: _AskedBudget
) -> None:
    try:
        result = decode_to_size(data, size, limits, budget)
    except Exception as error:  # noqa: BLE001 - whatever a decoder does, the scan gets an answer
        _send_error(output, unexpected(error))
    else:
        answer = {"header": header_as_json(result.header), "note": result.note}
        send(output, answer, result.pixels.tobytes())


def _send_error(output: BinaryIO, error: DecodeError) -> None:
    # A reason can quote the file.
    reason = error.reason[:2000]
    header = header_as_json(error.header)
    send(output, {"status": error.status.value, "reason": reason, "header": header})


def send(output: BinaryIO, values: dict[str, Any], data: bytes = b"") -> None:
    """Write one message of ``worker_messages``."""
    output.write(packed(values, len(data)))
    output.write(data)
    output.flush()


def _read_all(source: BinaryIO, messages: "queue.SimpleQueue[_Message]") -> NoReturn:
    """Take messages as they come, also in the middle of a decode; end when the scan is gone."""

    def read(count: int) -> bytes:
        content = source.read(count)
        if len(content) < count:
            os._exit(0)
        return content

    while True:
        messages.put(unpacked(read, sys.maxsize))


def own_output() -> BinaryIO:
    """Standard output for messages alone: what decoders print goes nowhere."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def give_up_rights() -> None:
    """Keep no limit that the scan checks itself, and leave no files behind."""
    # The scan has its own limit, which it checks before pixels are allocated.
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (0, 0))


def limit_time(limits: Limits) -> None:
    """Let the system end this process when it has computed for longer than from now it may."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = usage.ru_utime + usage.ru_stime + limits.timeout_s + _CPU_GRACE_S
    _lower(resource.RLIMIT_CPU, int(min(seconds, 2**31)))


def limit_memory(more: int) -> None:
    """Let allocations fail that go beyond what is allocated now and ``more`` bytes."""
    with suppress(OSError, ValueError, IndexError):
        # Field 6: data and stack, in pages (proc(5)); only Linux has this file.
        pages = int(Path("/proc/self/statm").read_text().split()[5])
        _lower(resource.RLIMIT_DATA, pages * resource.getpagesize() + more)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(limit, (soft, hard))


if __name__ == "__main__":
    main()
