"""File bytes → pixels, or a typed reason why not.

The content decides what a file is; its name does not. Only the formats of ``formats`` are tried.
"""

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from .container import foreign_format, is_cut_short, png_damage, sniff, unsupported_jpeg
from .errors import ImageError, one_line
from .formats import registered_formats
from .preprocess import apply_orientation, orientation, to_rgb
from .results import FileStatus

MAX_PIXELS = 178_956_970
"""Default limit on width × height: where Pillow itself suspects a decompression bomb."""

MAX_BYTES = 512 * 1024 * 1024
"""Default limit on the size of a file in bytes."""

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
    with _open(data) as image:
        try:
            decoded = decode_image(image, limits)
        except DecodeError as error:
            if error.status is FileStatus.CORRUPT:
                raise _explained(error, data) from error
            raise
    damage = png_damage(data)
    if damage:
        raise _explained(DecodeError(FileStatus.CORRUPT, damage, decoded.header), data)
    return decoded


def decode_image(image: Image.Image, limits: Limits = Limits()) -> DecodedImage:
    """Load a picture that Pillow has opened, and make it upright 8-bit RGB.

    Of an animated or multi-page file it is the frame that Pillow stands at: after opening, the
    first.

    Raises:
        DecodeError: with the status that the file's row shall carry.
    """
    header = ImageHeader(*_upright_size(image), image.format or "")
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        reason = f"{pixels} pixels, limit {limits.max_pixels}"
        raise DecodeError(FileStatus.TOO_LARGE, reason, header)
    try:
        image.load()
        # Only now: loading turns a TIFF, and a PNG's EXIF can follow its pixels.
        upright = apply_orientation(to_rgb(image), orientation(image))
    except ImageError as error:
        raise DecodeError(error.status, error.reason, header) from error
    except MemoryError as error:
        raise DecodeError(FileStatus.TOO_LARGE, "not enough memory", header) from error
    except DECODER_ERRORS as error:
        raise DecodeError(_status(error), one_line(error), header) from error
    if 0 in upright.size:
        raise DecodeError(FileStatus.CORRUPT, "it has no pixels", header)
    return DecodedImage(upright, ImageHeader(*upright.size, header.format))


def _open(data: bytes) -> Image.Image:
    if not data:
        raise DecodeError(FileStatus.NOT_AN_IMAGE, "the file is empty")
    try:
        return Image.open(io.BytesIO(data), formats=registered_formats())
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except DECODER_ERRORS as error:
        raise _explained(DecodeError(_status(error), one_line(error)), data) from error
    except MemoryError as error:
        raise DecodeError(FileStatus.TOO_LARGE, "not enough memory") from error


def _unidentified(data: bytes) -> DecodeError:
    announced = sniff(data)
    if not announced:
        foreign = foreign_format(data)
        if foreign:
            return DecodeError(FileStatus.UNSUPPORTED, f"{foreign} is not supported")
        return DecodeError(FileStatus.NOT_AN_IMAGE, "no supported image format")
    if announced not in registered_formats():
        return DecodeError(FileStatus.UNSUPPORTED, f"no decoder for {announced} is installed")
    error = DecodeError(FileStatus.CORRUPT, f"its {announced} header cannot be read")
    return _explained(error, data)


def _explained(error: DecodeError, data: bytes) -> DecodeError:
    """The same error with the status that the file's structure gives it."""
    unsupported = unsupported_jpeg(data)
    if unsupported:
        reason = f"{unsupported} is not supported"
        return DecodeError(FileStatus.UNSUPPORTED, reason, error.header)
    reason = png_damage(data) or error.reason
    status = FileStatus.TRUNCATED if is_cut_short(data) else error.status
    return DecodeError(status, reason, error.header)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height after orientation, without loading pixels."""
    loads_pixels = image.format == "PNG" and "exif" not in image.info
    is_upright = image.format == "TIFF" or loads_pixels
    if not is_upright and orientation(image) >= 5:
        return image.height, image.width
    return image.width, image.height


def _status(error: BaseException) -> FileStatus:
    text = str(error).lower()
    if isinstance(error, Image.DecompressionBombError):
        return FileStatus.TOO_LARGE
    if "truncated" in text or isinstance(error, EOFError):
        return FileStatus.TRUNCATED
    if isinstance(error, NotImplementedError) or "unsupported" in text:
        return FileStatus.UNSUPPORTED
    return FileStatus.CORRUPT
