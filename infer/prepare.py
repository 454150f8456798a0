"""One found file → pixels at the model's size, or the finished row that says why not.

Everything that touches a file's content during a scan happens in this one call, whatever thread
or process makes it.
"""

from dataclasses import dataclass, replace

from .decode import DecodeError, ImageHeader, Limits, decode
from .errors import ImageError, one_line
from .preprocess import PixelArray, resize
from .read import ReadError, read_file
from .results import FileStatus, ScanRow
from .walk import Found


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A picture that is ready for the model.

    Attributes:
        pixels: uint8 RGB (height, width, 3).
        row: its row, complete but for the verdict.
    """

    pixels: PixelArray
    row: ScanRow


def prepare(found: Found, input_size: tuple[int, int], limits: Limits) -> PreparedImage | ScanRow:
    """Read, decode and resize one file; every failure becomes a row.

    Args:
        found: what the walk found.
        input_size: height and width that the model takes.
        limits: sizes above which a file is refused.
    """
    row = ScanRow(path_text(found.path), FileStatus.OK)
    if found.failure is not None:
        return _failed(row, found.failure)
    try:
        content = read_file(found.path, limits.max_bytes)
    except ReadError as error:
        return _failed(replace(row, bytes=error.size), error)
    row = replace(row, bytes=len(content))
    try:
        decoded = decode(content, limits)
        pixels = resize(decoded.image, input_size)
    except DecodeError as error:
        if error.header is not None:
            row = _with_header(row, error.header)
        return _failed(row, error)
    except MemoryError:
        return _failed(row, ImageError(FileStatus.TOO_LARGE, "not enough memory"))
    except Exception as error:  # noqa: BLE001 - whatever a decoder does, the other files get rows
        reason = f"the decoder failed with {type(error).__name__}: {one_line(error)}"
        return _failed(row, ImageError(FileStatus.CORRUPT, reason))
    return PreparedImage(pixels, _with_header(row, decoded.header))


def path_text(path: bytes) -> str:
    """A path as rows carry it, whatever the locale: UTF-8, other bytes as surrogate escapes."""
    return path.decode("utf-8", "surrogateescape")


def _with_header(row: ScanRow, header: ImageHeader) -> ScanRow:
    return replace(row, width=header.width, height=header.height, format=header.format)


def _failed(row: ScanRow, error: ImageError) -> ScanRow:
    return replace(row, status=error.status, error=error.reason)
