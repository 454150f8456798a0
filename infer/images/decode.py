"""Decoding of a file's bytes to pixels, or a typed reason for a failure.

The content decides the format of a file; its name does not. Only the formats of
``formats.registry`` are tried.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from ..results import Doubt, FileStatus
from .doubts import doubt_of
from .encoded import EncodedImage, ImageFile
from .failures import DecodeError as DecodeError
from .failures import ImageHeader as ImageHeader
from .failures import TypedErrors
from .formats.pillow import is_cut_short, upright
from .formats.registry import foreign_format, identify, registered_formats
from .limits import DEFAULT_LIMITS, DecodeSize, TruncatedPolicy
from .limits import Limits as Limits
from .orientation import orientation
from .pixels import PixelArray
from .shape import InputShape
from .views import views_of, whole_of

SCALED_MARGIN = 6
"""Least size of a scaled picture on both sides, in multiples of the model's input size.

Smaller ones change more verdicts of the default model; *Scaled decoding* in
``benchmarks/README.md`` has the figures."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture in 8-bit RGB, upright, with its header.

    Attributes:
        image: the pixels.
        header: size and format in the header.
        note: defect of a picture that was decoded nevertheless, or a doubt; mostly empty.
    """

    image: Image.Image
    header: ImageHeader
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A picture as a model sees it.

    Attributes:
        pixels: uint8 RGB of shape ``InputShape.axes``.
        header: header of the full picture.
        note: see ``DecodedImage``.
    """

    pixels: PixelArray
    header: ImageHeader
    note: str = ""

    @property
    def doubt(self) -> Doubt | None:
        """Reason why the picture itself allows no verdict, if any."""
        return doubt_of(self.header.width, self.header.height, whole_of(self.pixels))


class Budget(Protocol):
    """Source of memory; see ``flow.budget.MemoryBudget``."""

    def share(self, size: int) -> AbstractContextManager[None]:
        """Hold ``size`` bytes."""


class Unlimited:
    """Budget without a limit, for a single picture."""

    def share(self, size: int) -> AbstractContextManager[None]:
        """Hold ``size`` bytes; never wait."""
        return nullcontext()


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Decode one file's bytes to an upright 8-bit RGB picture, in full.

    Args:
        data: the whole file.
        limits: limits on the file; ``decode_size`` and ``timeout_s`` have no effect here.

    Raises:
        DecodeError: the file has no pixels; the error has the status of its row.
    """
    fill_gaps = limits.truncated is TruncatedPolicy.SCORE
    with _opened(identify(data), limits) as file:
        decoded = file.decode(fill_gaps=fill_gaps)
        return DecodedImage(decoded.image, file.header, decoded.remark)


def decode_to_size(
    data: bytes | EncodedImage,
    shape: InputShape,
    limits: Limits,
    budget: Budget,
) -> ModelInput:
    """Decode one file's bytes to a model's input.

    Args:
        data: the whole file, or the result of ``identify``.
        shape: shape of the input.
        limits: limits on the file.
        budget: source of the memory, which is held as long as the full picture exists.

    Raises:
        DecodeError: the file has no pixels; the error has the status of its row.
        Cancelled: the run was cancelled while the file waited for memory.
    """
    is_scaled = limits.decode_size is DecodeSize.SCALED
    at_least = (SCALED_MARGIN * shape.height, SCALED_MARGIN * shape.width) if is_scaled else (0, 0)
    fill_gaps = limits.truncated is TruncatedPolicy.SCORE
    encoded = data if isinstance(data, EncodedImage) else identify(data)
    with _opened(encoded, limits) as file, budget.share(file.memory):
        decoded = file.decode(at_least, fill_gaps=fill_gaps)
        pixels = views_of(decoded.image, shape, decoded.box)
        return ModelInput(pixels, file.header, decoded.remark)


def decode_image(image: Image.Image, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Load a picture that Pillow has opened, and make it upright 8-bit RGB.

    For an animated or multi-page file it is Pillow's current frame: after opening, the first.
    Damage that Pillow does not detect stays undetected here; ``decode`` detects it.

    Raises:
        DecodeError: the picture has no pixels; the error has the status of its row.
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
    """Open a file's header; failures inside the block get a status from the file's structure."""
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
