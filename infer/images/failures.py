"""Typed failures of decoding, from a decoder's exception and the file's structure."""

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
"""Exceptions of Pillow's decoders on damaged data, gathered from its plugins. A ``Warning`` is
raised if the caller's filters turn warnings into errors."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Header of an image: size in pixels after EXIF orientation, and Pillow's format name."""

    width: int
    height: int
    format: str


class DecodeError(ImageError):
    """An ``ImageError`` with the image's header, if it could be read."""

    def __init__(self, status: FileStatus, reason: str, header: ImageHeader | None = None) -> None:
        super().__init__(status, reason)
        self.header = header


class TypedErrors:
    """Context that turns any exception of a decoder into a ``DecodeError`` with this header.

    It is a class, because it is entered twice for each file, and a generator takes three times as
    long.
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
        """Raise the block's exception as a typed error.

        Raises:
            DecodeError: the block raised one of ``DECODER_ERRORS`` or a typed error.
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
    """Return the failure of one file after an unforeseen exception; other files get their rows."""
    if isinstance(error, DecodeError):
        return error
    if isinstance(error, MemoryError):
        return DecodeError(FileStatus.TOO_LARGE, "not enough memory")
    reason = f"the decoder failed with {type(error).__name__}: {one_line(error)}"
    return DecodeError(FileStatus.CORRUPT, reason)


def status_of(error: BaseException) -> FileStatus:
    """Return the status for one of ``DECODER_ERRORS``."""
    text = str(error).lower()
    if isinstance(error, Image.DecompressionBombError):
        return FileStatus.TOO_LARGE
    if "truncated" in text or isinstance(error, EOFError):
        return FileStatus.TRUNCATED
    if isinstance(error, NotImplementedError) or "unsupported" in text:
        return FileStatus.UNSUPPORTED
    return FileStatus.CORRUPT
