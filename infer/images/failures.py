"""Why a file has no pixels: from what a decoder raised, and from what the file's structure says."""

import struct
import zlib
from dataclasses import dataclass
from types import TracebackType

from PIL import Image

from ..errors import ImageError, one_line
from ..results import FileStatus

DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    AttributeError,
    AssertionError,
    Warning,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise on damaged data, gathered from its plugins; a ``Warning`` is raised
where the caller's filters turn warnings into errors."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header says: size in pixels after EXIF orientation, and Pillow's format name."""

    width: int
    height: int
    format: str


class DecodeError(ImageError):
    """An ``ImageError`` that still knows the header, where one could be read."""

    def __init__(self, status: FileStatus, reason: str, header: ImageHeader | None = None) -> None:
        super().__init__(status, reason)
        self.header = header


class TypedErrors:
    """Turns whatever a decoder raises in its block into a ``DecodeError`` with this header.

    A class, because it is entered twice for each file, and a generator takes three times as long.
    """

    __slots__ = ("_header",)

    def __init__(self, header: ImageHeader | None) -> None:
        self._header = header

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Raise what the block failed with, typed.

        Raises:
            DecodeError: one of ``DECODER_ERRORS``, or of our own errors.
        """
        if error is None or isinstance(error, DecodeError):
            return
        if isinstance(error, ImageError):
            raise DecodeError(error.status, error.reason, self._header) from error
        if isinstance(error, MemoryError):
            raise DecodeError(FileStatus.TOO_LARGE, "not enough memory", self._header) from error
        if isinstance(error, DECODER_ERRORS):
            raise DecodeError(status_of(error), one_line(error), self._header) from error


def unexpected(error: Exception) -> DecodeError:
    """The failure of one file, whatever a decoder does: the other files get their rows."""
    if isinstance(error, DecodeError):
        return error
    if isinstance(error, MemoryError):
        return DecodeError(FileStatus.TOO_LARGE, "not enough memory")
    reason = f"the decoder failed with {type(error).__name__}: {one_line(error)}"
    return DecodeError(FileStatus.CORRUPT, reason)


def status_of(error: BaseException) -> FileStatus:
    """The status that one of ``DECODER_ERRORS`` speaks for."""
    text = str(error).lower()
    if isinstance(error, Image.DecompressionBombError):
        return FileStatus.TOO_LARGE
    if "truncated" in text or isinstance(error, EOFError):
        return FileStatus.TRUNCATED
    if isinstance(error, NotImplementedError) or "unsupported" in text:
        return FileStatus.UNSUPPORTED
    return FileStatus.CORRUPT
