"""Process that prepares files for one decode thread: ``python -m`` this module.

``process`` starts it. It reads paths from standard input, a few at a time, and writes
the pictures into memory that it shares with the scan. It leaves some files to the scan: those that
must be isolated, large ones, and those without pixels.
"""

import math
import mmap
import os
import sys
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import NoReturn

import numpy as np

from ...errors import ImageError
from ...files.walk import Found
from ...flow.budget import MemoryBudget
from ...images.limits import Isolation, Limits
from ...images.pixels import PixelArray
from ...images.shape import InputShape
from ...isolation.child import (
    SLACK,
    give_up_rights,
    limit_memory,
    limit_time,
    own_output,
    read_or_end,
    send,
)
from ...isolation.messages import limits_from_json, shape_from_json, unpacked
from ...isolation.pool import WorkerPool
from ...results import FileStatus
from ...system.heap import return_large_blocks
from ..prepare import PreparedImage, Resources, prepare
from .answers import Answer, as_answer


def main() -> None:
    """Serve until standard input ends."""
    output = own_output()
    give_up_rights()
    send(output, {"ready": True})
    setup, _ = unpacked(read_or_end, sys.maxsize)
    shape = shape_from_json(setup["shape"])
    axes = (setup["slots"], *shape.axes)
    pixels = np.frombuffer(mmap.mmap(int(sys.argv[1]), math.prod(axes)), np.uint8).reshape(axes)
    limits = limits_from_json(setup["limits"])
    limits = replace(limits, max_bytes=min(limits.max_bytes, setup["largest"]))
    return_large_blocks(setup["memory"] // 10)
    elsewhere = _Elsewhere()
    origins = None
    if setup["provenance"] is not None:
        # Most scans never ask for it.
        options = import_module("...provenance.options", __package__).options_of(
            setup["provenance"]
        )
        origins = import_module("...isolation.origins", __package__).OriginReader(
            options, elsewhere
        )
    budget = MemoryBudget(setup["memory"])
    resources = Resources(budget, elsewhere, Isolation.ODD, origins=origins)
    while True:
        asked, data = unpacked(read_or_end, sys.maxsize)
        _go_to(asked["folder"])
        limit_time(limits)
        limit_memory(setup["memory"] + setup["largest"] + SLACK)
        paths = data.split(b"\0")
        rows = [
            _prepared(path, shape, slot, limits, resources)
            for path, slot in zip(paths, pixels, strict=False)
        ]
        send(output, {"rows": rows})


class _LeftError(Exception):
    """The scan must look at this file."""


class _Elsewhere(WorkerPool):
    """Workers that refuse every file: the scan has workers of its own."""

    def ask(self, *_: object) -> NoReturn:
        """Leave the file to the scan."""
        raise _LeftError

    def decode_to_size(self, *_: object) -> NoReturn:
        """Leave the file to the scan."""
        raise ImageError(FileStatus.UNSUPPORTED, "not here")


def _prepared(
    path: bytes, shape: InputShape, slot: PixelArray, limits: Limits, resources: Resources
) -> Answer | None:
    """Fill a slot; return the file's answer, or ``None`` if the scan must take the file."""
    try:
        prepared = prepare(Found(path), shape, limits, resources)
    except _LeftError:
        return None
    if not isinstance(prepared, PreparedImage):
        return None
    answer = as_answer(prepared)
    if answer is not None:
        slot[:] = prepared.pixels
    return answer


def _go_to(folder: str | None) -> None:
    """Change to the scan's folder, for relative paths; if it is gone, they are not found."""
    if folder is not None:
        with suppress(OSError):
            os.chdir(folder)


if __name__ == "__main__":
    main()
