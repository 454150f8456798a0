"""Strict JPEG decoding: missing or damaged parts are never invented.

libjpeg fills gaps with grey and only warns, and Pillow does not pass the warnings on. A picture
that was cut and closed again, or a small file that declares a huge picture, would be judged by its
grey. ``simplejpeg`` brings the same libjpeg-turbo and raises on warnings. On sound files the two
return the same pixels to the last bit, with any subsampling.

A warning that costs no pixel (other bytes in the header, an unknown revision of JFIF) is no reason
to refuse: the file is put right (``markers.regular``) and decoded again, strictly. Sampling
factors that ``simplejpeg`` does not take go through Pillow (``sampling``), in a worker.

JPEG has no checksums. Damage that leaves a stream of valid codes of the right length is invisible
to any decoder.
"""

from dataclasses import dataclass, replace

import numpy as np
import simplejpeg
from PIL import Image

from ....errors import ImageError, one_line
from ....results import FileStatus
from .holes import has_hole
from .markers import JpegMarkers, read_markers, regular
from .sampling import decode_unusual

CMYK_COMPONENTS = 4

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
    mode = "CMYK" if len(structure.components) == CMYK_COMPONENTS else "RGBX"
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
