"""Common parts of processes that decode for a scan: their pipes, rights and limits.

The scan's side of it is ``isolation.process``.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import AvifImagePlugin, Image

from ..images.limits import Limits
from .messages import packed

try:
    import resource
except ImportError:  # Windows has none, and no limits
    resource = None  # type: ignore[assignment]

SLACK = 64 << 20
"""Bytes beyond the estimate that a decoder may use before allocations fail."""

_CPU_GRACE_S = 10
"""Processor seconds beyond the time limit, in case the scan does not kill the process in time."""


def send(output: BinaryIO, values: dict[str, Any], data: bytes = b"") -> None:
    """Write one message of ``isolation.messages``."""
    output.write(packed(values, len(data)))
    output.write(data)
    output.flush()


def read_or_end(count: int) -> bytes:
    """Read exactly so many bytes of standard input; end the process if the scan is gone."""
    content = sys.stdin.buffer.read(count)
    if len(content) < count:
        os._exit(0)
    return content


def own_output() -> BinaryIO:
    """Return standard output, reserved for messages; prints of decoders are dropped."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def give_up_rights() -> None:
    """Drop the limits that the scan checks itself, and leave no files behind."""
    # The scan has its own limit, which it checks before pixels are allocated.
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    if resource is None:
        return
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (0, 0))


def limit_time(limits: Limits) -> None:
    """Let the system end this process after more processor time than it may use from now on."""
    if resource is None:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = usage.ru_utime + usage.ru_stime + limits.timeout_s + _CPU_GRACE_S
    _lower(resource.RLIMIT_CPU, int(min(seconds, 2**31)))


def limit_memory(more: int) -> None:
    """Make allocations fail beyond the present memory and ``more`` bytes."""
    if resource is None:
        return
    with suppress(OSError, ValueError, IndexError):
        # Field 6: data and stack, in pages (proc(5)); only Linux has this file.
        pages = int(Path("/proc/self/statm").read_text().split()[5])
        _lower(resource.RLIMIT_DATA, pages * resource.getpagesize() + more)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(limit, (soft, hard))
