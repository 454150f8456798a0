"""File bytes → pixels, or a typed reason why not.

The content decides what a file is; its name does not. Only the formats of ``formats.registry`` are
tried.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from ..results import FileStatus
from .encoded import EncodedImage, ImageFile
from .failures import DecodeError as DecodeError
from .failures import ImageHeader as ImageHeader
from .failures import TypedErrors
from .formats.pillow import is_cut_short, upright
from .formats.registry import foreign_format, identify, registered_formats
from .limits import DEFAULT_LIMITS, DecodeSize, TruncatedPolicy
from .limits import Limits as Limits
from .orientation import orientation
from .preprocess import PixelArray, resize

SCALED_MARGIN = 6
"""How often the model's input size must fit into a scaled picture, on both sides. With 4, six
verdicts in a thousand change, with 6 two at most; see ``benchmarks/parts/fidelity_part.py``."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture in 8-bit RGB, upright, with what its header said.

    Attributes:
        image: the pixels.
        header: what the header said.
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
        header: what the header said, of the picture in full.
        note: see ``DecodedImage``.
    """

    pixels: PixelArray
    header: ImageHeader
    note: str = ""


class Budget(Protocol):
    """Where memory is taken from; see ``memory.MemoryBudget``."""

    def share(self, size: int) -> AbstractContextManager[None]:
        """Hold ``size`` bytes."""


class Unlimited:
    """All the memory that there is, for a single picture."""

    def share(self, size: int) -> AbstractContextManager[None]:
        """Hold ``size`` bytes; never waits."""
        return nullcontext()


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Decode one file's bytes to an upright 8-bit RGB picture, in full.

    Args:
        data: the whole file.
        limits: what is refused; ``decode_size`` and ``timeout_s`` do not matter here.

    Raises:
        DecodeError: with the status that the file's row shall carry.
    """
    fill_gaps = limits.truncated is TruncatedPolicy.SCORE
    with _opened(identify(data), limits) as file:
        decoded = file.decode(fill_gaps=fill_gaps)
        return DecodedImage(decoded.image, file.header, decoded.damage)


def decode_to_size(
    data: bytes | EncodedImage,
    size: tuple[int, int],
    limits: Limits,
    budget: Budget,
) -> ModelInput:
    """Decode one file's bytes to a picture at the model's size.

    Args:
        data: the whole file, or what ``identify`` made of it.
        size: height and width that the model takes.
        limits: what is refused.
        budget: where the memory is taken from, for as long as the full picture exists.

    Raises:
        DecodeError: with the status that the file's row shall carry.
        Cancelled: the run was cancelled while the file waited for memory.
    """
    is_scaled = limits.decode_size is DecodeSize.SCALED
    height, width = size
    at_least = (SCALED_MARGIN * height, SCALED_MARGIN * width) if is_scaled else (0, 0)
    fill_gaps = limits.truncated is TruncatedPolicy.SCORE
    encoded = data if isinstance(data, EncodedImage) else identify(data)
    with _opened(encoded, limits) as file, budget.share(file.memory):
        decoded = file.decode(at_least, fill_gaps=fill_gaps)
        pixels = resize(decoded.image, size, decoded.box)
        return ModelInput(pixels, file.header, decoded.damage)


def decode_image(image: Image.Image, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Load a picture that Pillow has opened, and make it upright 8-bit RGB.

    Of an animated or multi-page file it is the frame that Pillow stands at: after opening, the
    first. Damage that Pillow does not notice is not noticed here either; ``decode`` does.

    Raises:
        DecodeError: with the status that the file's row shall carry.
    """
    width, height = image.size
    if image.format != "TIFF" and orientation(image) >= 5:
        width, height = height, width
    header = ImageHeader(width, height, image.format or "")
    _refuse_many_pixels(header, limits)
    with TypedErrors(header):
        image.load()
        turned = upright(image, orientation(image))
        return DecodedImage(turned, ImageHeader(*turned.size, header.format))


@contextmanager
def _opened(encoded: EncodedImage, limits: Limits) -> Iterator[ImageFile]:
    """Open a file's header; failures inside the block get the status that its structure gives."""
    data, found = encoded.data, encoded.format
    if len(data) > limits.max_bytes:
        raise DecodeError(FileStatus.TOO_LARGE, f"{len(data)} bytes, limit {limits.max_bytes}")
    if not data:
        raise DecodeError(FileStatus.NOT_AN_IMAGE, "the file is empty")
    if found is None or found.name not in registered_formats():
        raise _unknown(encoded)
    try:
        with TypedErrors(None):
            file = found.open(encoded, limits)
        _refuse_many_pixels(file.header, limits)
        with TypedErrors(file.header):
            yield file
    except DecodeError as error:
        if error.status is FileStatus.CORRUPT:
            status = FileStatus.TRUNCATED if is_cut_short(encoded) else error.status
            reason = found.damage(data) or error.reason
            raise DecodeError(status, reason, error.header) from error
        raise


def _refuse_many_pixels(header: ImageHeader, limits: Limits) -> None:
    pixels = header.width * header.height
    if pixels > limits.max_pixels:
        reason = f"{pixels} pixels, limit {limits.max_pixels}"
        raise DecodeError(FileStatus.TOO_LARGE, reason, header)


def _unknown(encoded: EncodedImage) -> DecodeError:
    """Return the reason why content that no installed decoder takes has no pixels."""
    if encoded.format is not None:
        package = encoded.format.package
        advice = f"; run: pip install {package}" if package else ""
        reason = f"no decoder for {encoded.format.name} is installed{advice}"
        return DecodeError(FileStatus.UNSUPPORTED, reason)
    foreign = foreign_format(encoded.data)
    if foreign:
        return DecodeError(FileStatus.UNSUPPORTED, f"{foreign} is not supported")
    return DecodeError(FileStatus.NOT_AN_IMAGE, "no supported image format")
