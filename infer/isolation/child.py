"""What processes that decode for a scan have in common: their pipes, rights and limits.

The scan's side of it is ``child_process``.
"""

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import AvifImagePlugin, Image

from ..images.limits import Limits
from .messages import packed

SLACK = 64 << 20
"""Bytes beyond the estimate that a decoder may take before allocations fail."""

_CPU_GRACE_S = 10
"""Processor seconds beyond the time limit: only for a process that nobody kills in time."""


def send(output: BinaryIO, values: dict[str, Any], data: bytes = b"") -> None:
    """Write one message of ``worker_messages``."""
    output.write(packed(values, len(data)))
    output.write(data)
    output.flush()


def read_or_end(count: int) -> bytes:
    """Exactly so many bytes of standard input; where it ends, the scan is gone, and so is this."""
    content = sys.stdin.buffer.read(count)
    if len(content) < count:
        os._exit(0)
    return content


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
