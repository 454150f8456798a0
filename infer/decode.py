"""File bytes → pixels, or a typed reason why not.

The content decides what a file is; its name does not. Only the formats listed here are tried:
Pillow's other plugins would run a PostScript interpreter or follow references on hostile input.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from .errors import ImageError, one_line
from .preprocess import apply_orientation, orientation, to_rgb
from .results import FileStatus

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "HEIF")
"""Pillow format names that are decoded; HEIF only where ``pillow-heif`` is installed."""

MAX_PIXELS = 178_956_970
"""Default limit on width × height: where Pillow itself suspects a decompression bomb."""

MAX_BYTES = 512 * 1024 * 1024
"""Default limit on the size of a file in bytes."""

_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    AttributeError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged data, gathered from its plugins."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused from the header alone, before pixels are allocated.

    Attributes:
        max_pixels: largest width × height.
        max_bytes: largest file size in bytes.
    """

    max_pixels: int = MAX_PIXELS
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header says: size in pixels after EXIF orientation, and Pillow's format name."""

    width: int
    height: int
    format: str


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture in 8-bit RGB, upright, with what its header said."""

    image: Image.Image
    header: ImageHeader


class DecodeError(ImageError):
    """An ``ImageError`` that still knows the header, where one could be read."""

    def __init__(self, status: FileStatus, reason: str, header: ImageHeader | None = None) -> None:
        super().__init__(status, reason)
        self.header = header


def decode(data: bytes, limits: Limits = Limits()) -> DecodedImage:
    """Decode one file's bytes to an upright 8-bit RGB picture.

    Args:
        data: the whole file.
        limits: sizes above which the file is refused without decoding.

    Raises:
        DecodeError: with the status that the file's row shall carry.
    """
    if len(data) > limits.max_bytes:
        raise DecodeError(FileStatus.TOO_LARGE, f"{len(data)} bytes, limit {limits.max_bytes}")
    image = _open(data)
    header = _header(image)
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        raise DecodeError(
            FileStatus.TOO_LARGE, f"{pixels} pixels, limit {limits.max_pixels}", header
        )
    try:
        exif_orientation = orientation(image)
        image.load()
        upright = apply_orientation(to_rgb(image), exif_orientation)
    except ImageError as error:
        raise DecodeError(error.status, error.reason, header) from error
    except MemoryError as error:
        raise DecodeError(FileStatus.TOO_LARGE, "not enough memory", header) from error
    except _DECODER_ERRORS as error:
        raise DecodeError(_damage_status(error), one_line(error), header) from error
    return DecodedImage(upright, header)


def _open(data: bytes) -> Image.Image:
    if not data:
        raise DecodeError(FileStatus.NOT_AN_IMAGE, "empty file")
    try:
        with warnings.catch_warnings():
            # The limit on pixels is ours, so Pillow's own warning would only repeat it.
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data), formats=_registered_formats())
    except Image.DecompressionBombError as error:
        raise DecodeError(FileStatus.TOO_LARGE, one_line(error)) from error
    except UnidentifiedImageError as error:
        raise DecodeError(FileStatus.NOT_AN_IMAGE, "no supported image format") from error
    except _DECODER_ERRORS as error:
        raise DecodeError(FileStatus.CORRUPT, one_line(error)) from error


def _registered_formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _header(image: Image.Image) -> ImageHeader:
    width, height = image.size
    if orientation(image) >= 5:
        width, height = height, width
    return ImageHeader(width, height, image.format or "")


def _damage_status(error: BaseException) -> FileStatus:
    text = str(error).lower()
    if "truncated" in text or isinstance(error, EOFError):
        return FileStatus.TRUNCATED
    if isinstance(error, NotImplementedError) or "unsupported" in text:
        return FileStatus.UNSUPPORTED
    return FileStatus.CORRUPT
