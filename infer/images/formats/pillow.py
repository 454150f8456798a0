"""A file of any format but JPEG, from its header to its upright pixels, through Pillow.

Pillow's plugins are called by the name of the format that the first bytes announce, and not through
``Image.open``, whose limit on pixels is one of the whole process; the caller's limits hold instead.
"""

import io

from PIL import Image, ImageFile

from ...errors import ImageError, one_line
from ...results import FileStatus
from ..failures import DecodeError, ImageHeader
from ..orientation import Upright, apply_orientation, orientation, orientation_in
from ..preprocess import to_rgb
from .containers import webp_size
from .png import png_damage, refuse_unfilled
from .registry import is_cut_short
from .tiff import refuse_uncovered

_TURNED_BY_PILLOW = frozenset({"TIFF", "AVIF", "HEIF"})
"""Formats whose orientation lies in the file's own structure as well, which Pillow reads."""


class PillowFile:
    """A file whose header has been read.

    Args:
        image: opened, not loaded.
        data: the whole file.
    """

    def __init__(self, image: ImageFile.ImageFile, data: bytes) -> None:
        self._image = image
        self._data = data
        self.header = ImageHeader(*_upright_size(image), image.format or "")
        self.memory = pillow_memory(image, len(data))

    def decode(self, at_least: tuple[int, int] = (0, 0), *, fill_gaps: bool = False) -> Upright:
        """The picture.

        Args:
            at_least: without meaning here; these formats are not scaled.
            fill_gaps: decode a truncated picture too. This sets a switch of the whole process, so
                it belongs into one that does nothing else meanwhile.

        Raises:
            ImageError: pixels are missing, damaged, or of a kind that is not supported.
            Exception: whatever Pillow's decoders raise on damaged data.
        """
        damage = self._load_filled() if fill_gaps else ""
        if not fill_gaps:
            self._load()
        # Only now: loading turns a TIFF, and a PNG's EXIF can follow its pixels.
        image = upright(self._image, _orientation(self._image))
        self.header = ImageHeader(*image.size, self.header.format)
        return Upright(image, damage)

    def _load(self) -> None:
        refuse_uncovered(self._image, self._data)
        corruption = png_damage(self._data)
        if corruption:
            raise ImageError(FileStatus.CORRUPT, corruption)
        self._image.load()
        refuse_unfilled(self._image, self._data)

    def _load_filled(self) -> str:
        """Load what is there; what is missing stays as Pillow leaves it. Returns the damage."""
        damage = "its end is missing" if is_cut_short(self._data) else ""
        corruption = png_damage(self._data)
        if corruption and not damage:
            raise ImageError(FileStatus.CORRUPT, corruption)
        refuse_uncovered(self._image, self._data, fill_gaps=True)
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            self._image.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            refuse_unfilled(self._image, self._data)
        except ImageError as error:
            damage = damage or error.reason
        return damage


def open_with_pillow(data: bytes, announced: str, max_pixels: int) -> PillowFile:
    """Read a file's header.

    Args:
        data: the whole file.
        announced: its format, of ``registered_formats``.
        max_pixels: largest width × height.

    Raises:
        DecodeError: a WebP with more pixels, whose plugin allocates its canvas when it opens it.
        Exception: whatever Pillow's parsers raise on damaged data.
    """
    if announced == "WEBP" and (size := webp_size(data)) is not None:
        pixels = size[0] * size[1]
        if pixels > max_pixels:
            reason = f"{pixels} pixels, limit {max_pixels}"
            raise DecodeError(FileStatus.TOO_LARGE, reason, ImageHeader(*size, announced))
    factory, _ = Image.OPEN[announced]
    try:
        return PillowFile(factory(io.BytesIO(data), ""), data)
    except SyntaxError as error:
        # This is how plugins say that a file is not theirs.
        reason = f"its {announced} header cannot be read: {one_line(error)}"
        raise ImageError(FileStatus.CORRUPT, reason) from error


def upright(image: Image.Image, exif_orientation: int) -> Image.Image:
    """A loaded picture in RGB, turned as ``exif_orientation`` (1 to 8) says.

    Raises:
        ImageError: it has no pixels, or of a kind that has no RGB form.
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
    """Width and height after orientation, without loading pixels."""
    loads_pixels = image.format == "PNG" and "exif" not in image.info
    is_upright = image.format == "TIFF" or loads_pixels
    if not is_upright and _orientation(image) >= 5:
        return image.height, image.width
    return image.width, image.height


_PLAIN, _CONVERTED = 9, 24
"""Bytes for each pixel, see ``pillow_memory``; the tests measure that they suffice."""


_PLAIN_MODES = frozenset({"RGB", "L", "1"})


_KEEPING_FRAMES = frozenset({"WEBP", "AVIF", "HEIF"})


_OVERHEAD = 4 << 20


def pillow_memory(image: Image.Image, size: int) -> int:
    """Bytes that Pillow takes at most to decode an opened file, the file included.

    A grey or RGB picture exists up to twice in four bytes a pixel, as stored and upright. Alpha,
    palettes, CMYK, 16 bits, and formats whose decoders keep frames (WebP, AVIF, HEIF) need
    intermediate copies.

    Args:
        image: opened, not loaded.
        size: of the file in bytes.
    """
    is_plain = image.mode in _PLAIN_MODES and not image.has_transparency_data
    is_plain = is_plain and image.format not in _KEEPING_FRAMES
    each = _PLAIN if is_plain else _CONVERTED
    return image.width * image.height * each + 2 * size + _OVERHEAD
