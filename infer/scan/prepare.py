"""Preparation of a found file: the model's input, or the finished row with the reason.

Every access to a file's content during a scan happens in this one call, in any thread or process.
Paths are not opened here: bytes come from the scan's ``Source``.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..errors import ImageError
from ..files.paths import path_text
from ..files.read import ReadError
from ..files.source import LOCAL, Source
from ..files.walk import Found
from ..flow.budget import MemoryBudget
from ..flow.channel import Cancelled
from ..images.decode import ImageHeader, Limits, decode_to_size
from ..images.encoded import EncodedImage
from ..images.failures import unexpected
from ..images.formats.registry import identify
from ..images.limits import Isolation
from ..images.pixels import PixelArray
from ..images.shape import InputShape
from ..isolation.policy import needs_worker
from ..isolation.pool import WorkerPool
from ..results import Doubt, FileStatus, Provenance, ScanRow

if TYPE_CHECKING:
    from ..isolation.origins import OriginReader


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A picture that is ready for the model.

    Attributes:
        pixels: uint8 RGB of shape ``InputShape.axes``.
        row: its row, complete except for the verdict.
        doubt: reason why the picture itself allows no verdict, if any; also the row's note.
    """

    pixels: PixelArray
    row: ScanRow
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources that the files of one scan share.

    Attributes:
        budget: memory budget.
        workers: processes for files that must not be decoded in a thread; ``None`` decodes all
            here, without a limit on time.
        isolation: files to isolate.
        source: origin of the bytes.
        origins: reads what files state about their origin; ``None`` reads nothing.
    """

    budget: MemoryBudget = field(default_factory=MemoryBudget)
    workers: WorkerPool | None = None
    isolation: Isolation = Isolation.ODD
    source: Source = LOCAL
    origins: "OriginReader | None" = None


def prepare(
    found: Found, shape: InputShape, limits: Limits, resources: Resources | None = None
) -> PreparedImage | ScanRow:
    """Read, decode and resize one file; every failure becomes a row.

    Args:
        found: file from the walk.
        shape: shape of the model's input.
        limits: limits on one file.
        resources: resources that the files of the scan share.

    Raises:
        Cancelled: the run was cancelled.
    """
    if found.known is not None:
        return found.known
    path = path_text(found.path)
    if found.failure is not None:
        return _failed(path, found.failure)
    resources = resources or Resources()
    largest = min(limits.max_bytes, resources.budget.total)
    try:
        content = resources.source.read(found, min(largest, resources.budget.small_file))
    except ReadError as error:
        if error.status is FileStatus.TOO_LARGE and error.size is not None:
            return _larger(found, error.size, shape, limits, resources)
        return _failed(path, error, error.size)
    return _decoded(content, path, shape, limits, resources)


def _larger(
    found: Found, size: int, shape: InputShape, limits: Limits, resources: Resources
) -> PreparedImage | ScanRow:
    """Prepare a file that waits until there is room for its bytes."""
    path, budget = path_text(found.path), resources.budget
    largest = min(limits.max_bytes, budget.total)
    is_middle = size <= min(largest, budget.large_file)
    with budget.middle_file(size) if is_middle else budget.only_large_file():
        try:
            content = resources.source.read(found, largest)
        except ReadError as error:
            return _failed(path, error, error.size)
        return _decoded(content, path, shape, limits, resources)


def _decoded(
    content: bytes,
    path: str,
    shape: InputShape,
    limits: Limits,
    resources: Resources,
) -> PreparedImage | ScanRow:
    workers = resources.workers
    encoded, is_isolated = None, False
    try:
        encoded = identify(content)
        is_isolated = workers is not None and needs_worker(encoded, limits, resources.isolation)
        if workers is not None and is_isolated:
            decoded = workers.decode_to_size(content, shape, limits, resources.budget)
        else:
            decoded = decode_to_size(encoded, shape, limits, resources.budget)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - after any failure, the other files get rows
        failure = unexpected(error)
        row = _failed(path, failure, len(content), failure.header)
        return replace(row, provenance=_origin(encoded, limits, resources, is_isolated))
    header = decoded.header
    doubt = decoded.doubt
    row = ScanRow(
        path,
        FileStatus.OK,
        width=header.width,
        height=header.height,
        format=header.format,
        bytes=len(content),
        note="; ".join(text for text in (decoded.note, doubt) if text),
        provenance=_origin(encoded, limits, resources, is_isolated),
    )
    return PreparedImage(decoded.pixels, row, doubt)


def _origin(
    encoded: EncodedImage | None, limits: Limits, resources: Resources, is_isolated: bool
) -> Provenance | None:
    if resources.origins is None or encoded is None:
        return None
    return resources.origins.read(encoded, limits, is_isolated=is_isolated)


def _failed(
    path: str, error: ImageError, size: int | None = None, header: ImageHeader | None = None
) -> ScanRow:
    row = ScanRow(path, error.status, bytes=size, error=error.reason)
    if header is None:
        return row
    return replace(row, width=header.width, height=header.height, format=header.format)
