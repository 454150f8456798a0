"""Files of any format but JPEG, from the header to upright pixels, through Pillow.

Pillow's plugins are called by the name of the format that the first bytes announce, not through
``Image.open``, whose limit on pixels is one of the whole process. The caller's limits hold instead.
"""

import importlib
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image, ImageFile, features

from ...errors import ImageError, one_line
from ...results import FileStatus
from ..encoded import EncodedImage
from ..failures import DECODER_ERRORS, DecodeError, ImageHeader, TypedErrors
from ..limits import Limits
from ..orientation import Upright, apply_orientation, orientation, orientation_in
from ..preprocess import to_rgb

_TURNED_BY_PILLOW = frozenset({"TIFF", "AVIF", "HEIF"})
"""Formats with the orientation also in the file's own structure, which Pillow reads."""


def _no_check(_image: Image.Image, _data: bytes) -> None:
    """Accept the image."""


def _no_note(_image: Image.Image, _data: bytes) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks of one format for damage that Pillow's decoder misses.

    Attributes:
        before: takes the opened image and the file.
        after: takes the loaded image and the file.
        note: takes the loaded image and the file; returns a remark on a sound file, or nothing.
    """

    before: Callable[[Image.Image, bytes], None] = _no_check
    after: Callable[[Image.Image, bytes], None] = _no_check
    note: Callable[[Image.Image, bytes], str] = _no_note


class PillowFile:
    """A file whose header has been read.

    Args:
        open_image: opens the image, without loading it.
        encoded: the whole file.
        checks: checks of its format.

    Attributes:
        image: opened; loaded after ``decode``.
    """

    def __init__(
        self,
        open_image: Callable[[], ImageFile.ImageFile],
        encoded: EncodedImage,
        checks: Checks,
    ) -> None:
        self._open_image = open_image
        self.image = open_image()
        self._encoded = encoded
        self._checks = checks
        self.header = ImageHeader(*_upright_size(self.image), self.image.format or "")
        self.memory = pillow_memory(self.image, len(encoded.data))

    def decode(self, at_least: tuple[int, int] = (0, 0), *, fill_gaps: bool = False) -> Upright:
        """Decode the picture.

        Args:
            at_least: without effect here; these formats are not scaled.
            fill_gaps: decode a truncated picture too. This sets a switch of the whole process, so
                it must not run next to other threads.

        Raises:
            DecodeError: pixels are missing, damaged, or of a kind that is not supported.
        """
        damage = note = ""
        try:
            with TypedErrors(self.header):
                self._load()
                note = self._checks.note(self.image, self._encoded.data)
        except DecodeError as error:
            is_cut = error.status is FileStatus.CORRUPT and is_cut_short(self._encoded)
            if not fill_gaps or not (is_cut or error.status is FileStatus.TRUNCATED):
                raise
            self._fill(error)
            damage = "its end is missing" if is_cut_short(self._encoded) else error.reason
        # Only now: loading turns a TIFF, and a PNG's EXIF can follow its pixels.
        image = upright(self.image, _orientation(self.image))
        self.header = ImageHeader(*image.size, self.header.format)
        return Upright(image, damage, note=note)

    def _load(self) -> None:
        data = self._encoded.data
        self._checks.before(self.image, data)
        damage = self._encoded.format.damage(data) if self._encoded.format else ""
        if damage:
            raise ImageError(FileStatus.CORRUPT, damage)
        self.image.load()
        self._checks.after(self.image, data)

    def _fill(self, error: DecodeError) -> None:
        """Load the pixels that are there; Pillow fills the rest.

        Raises:
            DecodeError: ``error``, if there are none.
        """
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            self.image = self._open_image()
            self.image.load()
        except DECODER_ERRORS:
            raise error from None
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False


NO_CHECKS = Checks()


def open_with_pillow(
    encoded: EncodedImage, _limits: Limits, checks: Checks = NO_CHECKS
) -> PillowFile:
    """Read a file's header.

    Raises:
        ImageError: ``corrupt`` if Pillow's plugin rejects the header.
        Exception: any exception of Pillow's parsers on damaged data.
    """
    return PillowFile(partial(open_image, encoded), encoded, checks)


def open_image(encoded: EncodedImage) -> ImageFile.ImageFile:
    """Open an image with Pillow's plugin for its format, without loading it.

    Raises:
        ImageError: see ``open_with_pillow``.
    """
    if encoded.format is None:
        raise ImageError(FileStatus.NOT_AN_IMAGE, "no supported image format")
    name = encoded.format.name
    factory, _ = Image.OPEN[name]
    try:
        return factory(io.BytesIO(encoded.data), "")
    except SyntaxError as error:
        # Plugins raise this for a file of another format.
        reason = f"its {name} header cannot be read: {one_line(error)}"
        raise ImageError(_status_of(error), reason) from error


def _status_of(error: SyntaxError) -> FileStatus:
    """Return the status of a header that a plugin rejects."""
    is_known = str(error) in ("unknown pixel mode", "unknown data organization")
    return FileStatus.UNSUPPORTED if is_known else FileStatus.CORRUPT


def is_cut_short(encoded: EncodedImage) -> bool:
    """Return whether the file is shorter than its own structure declares, or has no end mark."""
    if encoded.format is None:
        return False
    try:
        return encoded.format.is_cut(encoded.data)
    except (struct.error, IndexError):
        # The structure itself ends in the middle of a field.
        return True


def plugin(module: str, feature: str = "") -> Callable[[], bool]:
    """Return a function that loads one plugin of Pillow and returns whether it can decode.

    Only the plugins of the known formats are loaded. Pillow's others would run a PostScript
    interpreter or follow references on hostile input, and loading them all takes a tenth of a
    second.

    Args:
        module: name of the plugin in ``PIL``.
        feature: part of Pillow's build that the plugin needs; empty if it needs no part.
    """

    def register() -> bool:
        importlib.import_module(f"PIL.{module}")
        return not feature or bool(features.check(feature))

    return register


def upright(image: Image.Image, exif_orientation: int) -> Image.Image:
    """Return a loaded picture in RGB, turned by ``exif_orientation`` (1 to 8).

    Raises:
        ImageError: the picture has no pixels, or a mode without an RGB form.
    """
    turned = apply_orientation(to_rgb(image), exif_orientation)
    if 0 in turned.size:
        raise ImageError(FileStatus.CORRUPT, "it has no pixels")
    return turned


def _orientation(image: Image.Image) -> int:
    if image.format in _TURNED_BY_PILLOW:
        return orientation(image)
    return orientation_in(image.info)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height after orientation, without loading pixels."""
    loads_pixels = image.format == "PNG" and "exif" not in image.info
    is_upright = image.format == "TIFF" or loads_pixels
    if not is_upright and _orientation(image) >= 5:
        return image.height, image.width
    return image.width, image.height


_PLAIN, _ALPHA, _CONVERTED = 9, 14, 24
"""Bytes per pixel, see ``pillow_memory``; the tests measure that they suffice."""

_PLAIN_MODES = frozenset({"RGB", "L", "1"})
_ALPHA_MODES = _PLAIN_MODES | {"LA", "RGBA", "P"}
_KEEPING_FRAMES = frozenset({"WEBP", "AVIF", "HEIF"})

_STILLS = frozenset({"PNG", "TIFF", "BMP"})
"""Formats whose decoders hold a picture with alpha once, and which is composited in bands."""

_OVERHEAD = 4 << 20


def pillow_memory(image: Image.Image, size: int) -> int:
    """Return the largest number of bytes for decoding an opened file, the file included.

    A grey or RGB picture exists up to twice in four bytes a pixel, as stored and upright; one with
    alpha three times. Palettes, CMYK, 16 bits, animations and formats whose decoders keep frames
    (WebP, AVIF, HEIF) need intermediate copies.

    Args:
        image: image that is opened, not loaded.
        size: size of the file in bytes.
    """
    is_plain = image.mode in _PLAIN_MODES and not image.has_transparency_data
    is_plain = is_plain and image.format not in _KEEPING_FRAMES
    is_still = image.format in _STILLS and not getattr(image, "is_animated", False)
    is_alpha = is_still and image.mode in _ALPHA_MODES and image.has_transparency_data
    each = _PLAIN if is_plain else _ALPHA if is_alpha else _CONVERTED
    return image.width * image.height * each + 2 * size + _OVERHEAD
