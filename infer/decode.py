"""File bytes → pixels, or a typed reason why not.

The content decides what a file is; its name does not. Only the formats of ``formats`` are tried.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageFile

from .container import is_cut_short, png_damage, sniff, webp_size
from .diagnosis import DECODER_ERRORS, explained, status_of, typed_errors, unknown
from .diagnosis import DecodeError as DecodeError
from .diagnosis import ImageHeader as ImageHeader
from .errors import ImageError, one_line
from .formats import registered_formats
from .gaps import refuse_uncovered, refuse_unfilled
from .jpeg import decode_jpeg
from .limits import DEFAULT_LIMITS, TruncatedPolicy
from .limits import Limits as Limits
from .memory import MemoryBudget, decoding_memory
from .preprocess import PixelArray, apply_orientation, orientation, resize, to_rgb
from .results import FileStatus


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture in 8-bit RGB, upright, with what its header said.

    Attributes:
        image: the pixels.
        header: of the picture in full, also where it was decoded smaller.
        note: what was wrong with a picture that was decoded all the same; mostly empty.
    """

    image: Image.Image
    header: ImageHeader
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A picture at the model's size.

    Attributes:
        pixels: uint8 RGB (height, width, 3).
        header: see ``DecodedImage``.
        note: see ``DecodedImage``.
    """

    pixels: PixelArray
    header: ImageHeader
    note: str = ""


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Decode one file's bytes to an upright 8-bit RGB picture.

    Args:
        data: the whole file.
        limits: what is refused; ``scaled`` and ``timeout_s`` do not matter here.

    Raises:
        DecodeError: with the status that the file's row shall carry.
    """
    with _opened(data, limits) as (image, header):
        decoded = _decoded(image, header, data, limits)
        if decoded.image.mode == "RGB":
            return decoded
        return DecodedImage(decoded.image.convert("RGB"), decoded.header, decoded.note)


def decode_to_size(
    data: bytes, size: tuple[int, int], limits: Limits, budget: MemoryBudget
) -> ModelInput:
    """Decode one file's bytes to a picture at the model's size.

    Args:
        data: the whole file.
        size: height and width that the model takes.
        limits: what is refused.
        budget: where the memory is taken from, for as long as the full picture exists.

    Raises:
        DecodeError: with the status that the file's row shall carry.
        Cancelled: the run was cancelled while the file waited for memory.
    """
    at_least = (2 * size[0], 2 * size[1]) if limits.scaled else (0, 0)
    with (
        _opened(data, limits) as (image, header),
        typed_errors(header),
        budget.share(decoding_memory(image, len(data))),
    ):
        decoded = _decoded(image, header, data, limits, at_least)
        return ModelInput(resize(decoded.image, size), decoded.header, decoded.note)


def decode_image(image: Image.Image, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Load a picture that Pillow has opened, and make it upright 8-bit RGB.

    Of an animated or multi-page file it is the frame that Pillow stands at: after opening, the
    first. Damage that Pillow does not notice is not noticed here either; ``decode`` does.

    Raises:
        DecodeError: with the status that the file's row shall carry.
    """
    header = _checked_header(image, limits)
    with typed_errors(header):
        image.load()
        return _upright(image, header)


@contextmanager
def _opened(data: bytes, limits: Limits) -> Iterator[tuple[Image.Image, ImageHeader]]:
    """A file's header; what goes wrong meanwhile is explained by the file's structure."""
    if len(data) > limits.max_bytes:
        raise DecodeError(FileStatus.TOO_LARGE, f"{len(data)} bytes, limit {limits.max_bytes}")
    with _open(data, limits) as image:
        header = _checked_header(image, limits)
        try:
            yield image, header
        except DecodeError as error:
            if error.status is FileStatus.CORRUPT:
                raise explained(error, data) from error
            raise


def _checked_header(image: Image.Image, limits: Limits) -> ImageHeader:
    header = ImageHeader(*_upright_size(image), image.format or "")
    _refuse_many_pixels(image.width, image.height, limits, header)
    return header


def _refuse_many_pixels(width: int, height: int, limits: Limits, header: ImageHeader) -> None:
    if width * height > limits.max_pixels:
        reason = f"{width * height} pixels, limit {limits.max_pixels}"
        raise DecodeError(FileStatus.TOO_LARGE, reason, header)


def _decoded(
    image: Image.Image,
    header: ImageHeader,
    data: bytes,
    limits: Limits,
    at_least: tuple[int, int] = (0, 0),
) -> DecodedImage:
    """An opened file's pixels, upright, in the mode ``RGB``, or ``RGBX`` from a JPEG."""
    fill_gaps = limits.truncated is TruncatedPolicy.SCORE
    with typed_errors(header):
        if image.format in ("JPEG", "MPO"):
            turned = orientation(image)
            height_width = at_least if turned < 5 else at_least[::-1]
            jpeg = decode_jpeg(data, height_width, fill_gaps=fill_gaps)
            stored = jpeg.image if jpeg.image.mode == "RGBX" else jpeg.image.convert("RGB")
            return DecodedImage(apply_orientation(stored, turned), header, jpeg.damage)
        if fill_gaps:
            return _filled(image, header, data)
        refuse_uncovered(image, data)
        damage = png_damage(data)
        if damage:
            raise ImageError(FileStatus.CORRUPT, damage)
        image.load()
        refuse_unfilled(image, data)
        return _upright(image, header)


def _filled(image: Image.Image, header: ImageHeader, data: bytes) -> DecodedImage:
    """The same for a file that may be cut: what is not there is left as Pillow leaves it."""
    damage = "its end is missing" if is_cut_short(data) else ""
    if not damage:
        corruption = png_damage(data)
        if corruption:
            raise ImageError(FileStatus.CORRUPT, corruption)
    refuse_uncovered(image, data, fill_gaps=True)
    # A setting of the whole process; whoever asks for it decodes such files in one of its own.
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        image.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    if not damage:
        try:
            refuse_unfilled(image, data)
        except ImageError as error:
            damage = error.reason
    upright = _upright(image, header)
    return DecodedImage(upright.image, upright.header, damage)


def _upright(image: Image.Image, header: ImageHeader) -> DecodedImage:
    """A loaded picture in RGB and upright."""
    # Only now: loading turns a TIFF, and a PNG's EXIF can follow its pixels.
    upright = apply_orientation(to_rgb(image), orientation(image))
    if 0 in upright.size:
        raise ImageError(FileStatus.CORRUPT, "it has no pixels")
    return DecodedImage(upright, ImageHeader(*upright.size, header.format))


def _open(data: bytes, limits: Limits) -> Image.Image:
    if not data:
        raise DecodeError(FileStatus.NOT_AN_IMAGE, "the file is empty")
    announced = sniff(data)
    if announced not in registered_formats():
        raise unknown(data)
    if announced == "WEBP" and (size := webp_size(data)) is not None:
        # Its plugin allocates the canvas when it opens a file.
        _refuse_many_pixels(*size, limits, ImageHeader(*size, announced))
    # Not through Image.open, whose own limit on pixels is one of the whole process.
    factory, _ = Image.OPEN[announced]
    try:
        return factory(io.BytesIO(data), "")
    except DECODER_ERRORS as error:
        reason = f"its {announced} header cannot be read: {one_line(error)}"
        raise explained(DecodeError(status_of(error), reason), data) from error
    except MemoryError as error:
        raise DecodeError(FileStatus.TOO_LARGE, "not enough memory") from error


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height after orientation, without loading pixels."""
    loads_pixels = image.format == "PNG" and "exif" not in image.info
    is_upright = image.format == "TIFF" or loads_pixels
    if not is_upright and orientation(image) >= 5:
        return image.height, image.width
    return image.width, image.height
