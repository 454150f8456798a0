"""Strict JPEG decoding: missing or damaged parts are never invented.

libjpeg fills gaps with grey and only warns, and Pillow does not pass the warnings on. A picture
that was cut and closed again, or a small file that declares a huge picture, would be judged by its
grey. ``simplejpeg`` brings the same libjpeg-turbo and raises on warnings. On sound files the two
return the same pixels to the last bit, with any subsampling.

A warning that costs no pixel (other bytes in the header, an unknown revision of JFIF) is no reason
to refuse: the file is put right (``jpeg_markers.regular``) and decoded again, strictly. Sampling
factors that ``simplejpeg`` does not take go through Pillow (``jpeg_sampling``), in a worker.

JPEG has no checksums. Damage that leaves a stream of valid codes of the right length is invisible
to any decoder.
"""

from dataclasses import dataclass, replace

import numpy as np
import simplejpeg
from PIL import Image

from ...errors import ImageError, one_line
from ...results import FileStatus
from ..encoded import Cost, EncodedImage, Format
from ..failures import DecodeError, ImageHeader
from ..limits import Limits
from ..orientation import (
    Upright,
    apply_orientation,
    exif_orientation,
    filled_box,
    pictures_in_mpo,
    xmp_orientation,
)
from .jpeg_holes import has_hole
from .jpeg_markers import JpegMarkers, read_markers, regular
from .jpeg_sampling import decode_unusual
from .pillow import plugin

_MAGIC = b"\xff\xd8\xff"
_MAX_MARKERS = 2_000
"""Markers of a JPEG that a thread may decode; one with more goes to a worker."""

_CMYK_COMPONENTS = 4

_DIVISORS = (8, 4, 2)
"""Divisors of the sides. libjpeg-turbo's other scales, such as 3/8, have no vectorised code and
take longer than 1/2."""


@dataclass(frozen=True, slots=True)
class JpegPixels:
    """A decoded JPEG.

    Attributes:
        image: ``RGB`` or ``CMYK``, as stored, not yet turned upright.
        filled: width and height of the picture within the image; scaling rounds the image's size
            up.
        damage: defect of a file that was decoded nevertheless; else empty.
    """

    image: Image.Image
    filled: tuple[float, float]
    damage: str = ""


def decode_jpeg(
    data: bytes,
    at_least: tuple[int, int] = (0, 0),
    *,
    fill_gaps: bool = False,
    structure: JpegMarkers | None = None,
) -> JpegPixels:
    """Decode a baseline or progressive JPEG of 8 bits: grey, YCbCr, RGB, CMYK or YCCK.

    Args:
        data: the whole file.
        at_least: height and width, as stored, that scaling must keep. The picture is decoded at
            the smallest of 1/8, 1/4, 1/2 and 1 that keeps both; (0, 0) decodes in full.
        fill_gaps: decode a truncated picture too, with libjpeg's grey for missing parts.
        structure: markers of the file, if already read.

    Raises:
        ImageError: ``truncated``, ``corrupt``, ``unsupported`` or ``too_large``.
    """
    structure = structure or read_markers(data)
    if structure.unsupported:
        raise ImageError(FileStatus.UNSUPPORTED, f"{structure.unsupported} is not supported")
    if has_hole(data, structure):
        raise ImageError(FileStatus.CORRUPT, "zeros lie within its coded data")
    if not structure.has_usual_sampling:
        return _unusual(data, structure, fill_gaps=fill_gaps)
    try:
        pixels = _strict(data, structure, at_least)
        if not structure.has_all_coefficients:
            raise ImageError(FileStatus.TRUNCATED, "its last scans are missing")
    except ImageError as error:
        if not (fill_gaps and error.status is FileStatus.TRUNCATED):
            raise
        return replace(_pixels(data, structure, at_least, strict=False), damage=error.reason)
    return pixels


def _unusual(data: bytes, structure: JpegMarkers, *, fill_gaps: bool) -> JpegPixels:
    image, damage = decode_unusual(data, structure)
    if damage is None and not structure.has_all_coefficients:
        damage = ImageError(FileStatus.TRUNCATED, "its last scans are missing")
    if damage is not None and not (fill_gaps and damage.status is FileStatus.TRUNCATED):
        raise damage
    return JpegPixels(image, image.size, damage.reason if damage else "")


def _strict(data: bytes, structure: JpegMarkers, at_least: tuple[int, int]) -> JpegPixels:
    if structure.end is not None:
        try:
            return _pixels(data, structure, at_least, strict=True)
        except ImageError as error:
            sound = regular(data, structure)
            if sound == data:
                raise
            try:
                return _pixels(sound, structure, at_least, strict=True)
            except ImageError:
                raise error from None
    return _pixels(regular(data, structure), structure, at_least, strict=True)


def _pixels(
    data: bytes, structure: JpegMarkers, at_least: tuple[int, int], *, strict: bool
) -> JpegPixels:
    divisor = _divisor(structure, at_least)
    height, width = (-(-side // divisor) for side in (structure.height, structure.width))
    mode = "CMYK" if len(structure.components) == _CMYK_COMPONENTS else "RGBX"
    try:
        pixels = simplejpeg.decode_jpeg(
            data, mode, min_height=height, min_width=width, strict=strict
        )
    except ValueError as error:
        raise _refusal(one_line(error)) from error
    if mode == "CMYK":
        # Adobe's programs store them inverted, and other programs do the same.
        np.subtract(255, pixels, out=pixels)
    image = Image.frombuffer(mode, (pixels.shape[1], pixels.shape[0]), pixels, "raw", mode, 0, 1)
    if mode != "CMYK":
        # The same memory under another mode. Pillow resizes the fourth byte of RGBX; of RGB it does
        # not.
        image = Image.fromarrow(image, "RGB", image.size)
    return JpegPixels(image, (structure.width / divisor, structure.height / divisor))


def _divisor(structure: JpegMarkers, at_least: tuple[int, int]) -> int:
    """Return the largest divisor of both sides that keeps ``at_least``."""
    height, width = at_least
    if at_least == (0, 0):
        return 1
    fitting = (by for by in _DIVISORS if structure.height >= by * height)
    return next((by for by in fitting if structure.width >= by * width), 1)


def _refusal(reason: str) -> ImageError:
    text = reason.lower()
    if "premature end" in text or "marker 0xd9 instead" in text:
        return ImageError(FileStatus.TRUNCATED, reason)
    if "insufficient memory" in text or "memory allocation" in text:
        return ImageError(FileStatus.TOO_LARGE, "not enough memory")
    return ImageError(FileStatus.CORRUPT, reason)


_EXIF, _XMP, _MPO = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"


_GAIN_MAP = b' hdrgm:Version="'
"""Mark in the XMP of an Ultra HDR picture, whose second picture is not a photograph."""


_PLAIN, _ALL_COEFFICIENTS, _CONVERTED, _COMPARED = 9, 7, 7, 14
"""Bytes for each pixel: as stored and upright; what several scans need beside; what CMYK needs;
what a second picture needs to compare."""


@dataclass(frozen=True, slots=True)
class JpegFile:
    """A JPEG whose header has been read.

    Attributes:
        data: the whole file.
        structure: its markers.
        header: size and format in the header.
        orientation: EXIF orientation, 1 to 8.
    """

    data: bytes
    structure: JpegMarkers
    header: ImageHeader
    orientation: int

    @property
    def memory(self) -> int:
        """Largest number of bytes for decoding, the file included."""
        each = _PLAIN
        if self.structure.scans > 1 or self.structure.is_progressive:
            each += _ALL_COEFFICIENTS
        if len(self.structure.components) == _CMYK_COMPONENTS:
            each += _CONVERTED
        if not self.structure.has_usual_sampling:
            each += _COMPARED
        return self.structure.width * self.structure.height * each + 2 * len(self.data)

    def decode(self, at_least: tuple[int, int] = (0, 0), *, fill_gaps: bool = False) -> Upright:
        """Decode the picture.

        Args:
            at_least: height and width, upright, that scaling must keep; see ``decode_jpeg``.
            fill_gaps: decode a truncated picture too.

        Raises:
            ImageError: see ``decode_jpeg``.
        """
        stored = at_least if self.orientation < 5 else at_least[::-1]
        pixels = decode_jpeg(self.data, stored, fill_gaps=fill_gaps, structure=self.structure)
        image = pixels.image.convert("RGB") if pixels.image.mode == "CMYK" else pixels.image
        upright = apply_orientation(image, self.orientation)
        box = filled_box(upright.size, pixels.filled, self.orientation)
        return Upright(upright, pixels.damage, box)


def open_jpeg(encoded: EncodedImage, _limits: Limits) -> JpegFile:
    """Read a JPEG's header.

    Raises:
        DecodeError: ``corrupt`` if it has no frame.
    """
    data, structure = encoded.data, encoded.markers
    if structure is None or not structure.is_whole:
        structure = read_markers(data)
    if not structure.process:
        raise DecodeError(FileStatus.CORRUPT, "its JPEG header cannot be read")
    exif = _segment(data, structure, 0xE1, _EXIF)
    xmp = _segment(data, structure, 0xE1, _XMP)
    orientation = exif_orientation(exif) or xmp_orientation(xmp) or 1
    is_mpo = _GAIN_MAP not in xmp and (
        pictures_in_mpo(_segment(data, structure, 0xE2, _MPO)[len(_MPO) :]) > 1
    )
    width, height = structure.width, structure.height
    if orientation >= 5:
        width, height = height, width
    header = ImageHeader(width, height, "MPO" if is_mpo else "JPEG")
    return JpegFile(data, structure, header, orientation)


def _segment(data: bytes, structure: JpegMarkers, marker: int, prefix: bytes) -> bytes:
    """Return the header's first segment with this marker and beginning; empty if there is none."""
    for found, content in structure.applications:
        if found == marker and data.startswith(prefix, content.start):
            return data[content]
    return b""


def read_jpeg_markers(data: bytes) -> JpegMarkers:
    """Read a JPEG's markers, up to more than a thread may decode."""
    return read_markers(data, _MAX_MARKERS)


def _starts(data: bytes) -> bool:
    return data.startswith(_MAGIC)


def _is_cut(data: bytes) -> bool:
    structure = read_markers(data)
    return structure.end is None or not structure.scans


def _cost(encoded: EncodedImage) -> Cost | None:
    markers = encoded.markers or read_jpeg_markers(encoded.data)
    pixels = markers.width * markers.height
    is_bounded = markers.is_whole and (bool(markers.unsupported) or markers.has_usual_sampling)
    return Cost(pixels, max(1, markers.scans)) if is_bounded else None


JPEG = Format(
    name="JPEG",
    extensions=("jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjpg", "pjp", "mpo"),
    starts=_starts,
    register=plugin("JpegImagePlugin"),
    open=open_jpeg,
    is_cut=_is_cut,
    cost=_cost,
    aliases=("MPO",),
    fills_gaps_in_threads=True,
)
