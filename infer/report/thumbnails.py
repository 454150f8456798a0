"""Small pictures for a page, made by the scanner's own path from a file to pixels.

Limits, isolation and the memory budget are those of a scan, so a file that was damaged since cannot
do more here than it could do there.
"""

import base64
import io
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..files.walk import Found
from ..flow.budget import MemoryBudget
from ..images.shape import InputShape
from ..isolation.pool import WorkerPool
from ..output.rows import unescape_path
from ..results import FileStatus, ScanRow
from ..scan.prepare import PreparedImage, Resources, prepare
from ..system.cores import available_cores
from ..system.memory import default_memory
from .request import ReportRequest
from .tally import Shown

SIDE = 160
"""Longest side of a thumbnail in pixels."""

_QUALITY, _EFFORT = 70, 4
"""WebP: 3 to 8 kB for a photograph; more effort saves 3 % and takes twice as long."""

_CHANGED = "changed since the scan"
_GONE = "gone since the scan"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture, or the reason why there is none.

    Attributes:
        uri: WebP as a data URI; empty if there is none.
        width: pixels.
        height: pixels.
        remark: difference from the scan, or the reason of a failure; mostly empty.
        is_there: false if the file is gone.
    """

    uri: str = ""
    width: int = 0
    height: int = 0
    remark: str = ""
    is_there: bool = True


def make_thumbnails(
    rows: Iterable[Shown], request: ReportRequest, show: Callable[[], None]
) -> dict[str, Thumbnail]:
    """Return the thumbnails of rows by their paths.

    Args:
        rows: rows with a verdict; a path may come more than once.
        request: limits, memory, isolation, and the folder of relative paths.
        show: is called after each thumbnail, in any thread.
    """
    unique = {row.path: row for row in rows}
    workers = WorkerPool() if WorkerPool.is_available else None
    budget = MemoryBudget(request.memory or default_memory())
    resources = Resources(budget, workers, request.isolation)

    def make(row: Shown) -> Thumbnail:
        thumbnail = _thumbnail(row, request, resources)
        show()
        return thumbnail

    executor = ThreadPoolExecutor(available_cores())
    try:
        return dict(zip(unique, executor.map(make, unique.values()), strict=True))
    finally:
        # After an interruption, nothing waits for files that are still being decoded.
        budget.cancel()
        if workers is not None:
            workers.cancel()
        executor.shutdown(cancel_futures=True)


def path_on_disk(row: Shown, folder: str | None) -> bytes:
    """Return the path of a row's file.

    Args:
        row: the row.
        folder: folder in which the scan ran; ``None`` for the present one.
    """
    path = unescape_path(row.path)
    return path if folder is None else os.fsencode(Path(folder) / os.fsdecode(path))


def _thumbnail(row: Shown, request: ReportRequest, resources: Resources) -> Thumbnail:
    found = Found(path_on_disk(row, request.folder))
    size = row.size or (SIDE, SIDE)
    prepared = prepare(found, _fitted(size), request.limits, resources)
    if isinstance(prepared, PreparedImage) and _size(prepared.row) not in (None, size):
        size = _size(prepared.row) or size
        prepared = prepare(found, _fitted(size), request.limits, resources)
    if not isinstance(prepared, PreparedImage):
        is_there = prepared.status is not FileStatus.VANISHED
        return Thumbnail(remark=prepared.error if is_there else _GONE, is_there=is_there)
    stream = io.BytesIO()
    Image.fromarray(prepared.pixels).save(stream, "WEBP", quality=_QUALITY, method=_EFFORT)
    uri = f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
    height, width = prepared.pixels.shape[:2]
    is_changed = (prepared.row.bytes, size) != (row.bytes, row.size)
    return Thumbnail(uri, width, height, _CHANGED if is_changed else "")


def _size(row: ScanRow) -> tuple[int, int] | None:
    return (row.width, row.height) if row.width and row.height else None


def _fitted(size: tuple[int, int]) -> InputShape:
    """Return the shape of a thumbnail; a smaller picture is not enlarged."""
    width, height = size
    scale = min(1.0, SIDE / max(size))
    return InputShape(max(1, round(height * scale)), max(1, round(width * scale)))
