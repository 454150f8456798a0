"""JPEG → pixels, strictly: of what is missing or damaged nothing is invented.

libjpeg fills gaps with grey and only warns, and Pillow does not pass the warnings on; so a picture
that was cut and closed again, or a small file that claims a huge picture, would be judged by its
grey. ``simplejpeg`` brings the same libjpeg-turbo and raises on warnings. On sound files the two
give the same pixels to the last bit, whatever the subsampling.

A warning that costs no pixel (other bytes in the header, an unknown revision of JFIF) is no reason
to refuse: the file is put right (``jpeg_structure.regular``) and decoded again, strictly. There is
no way around the strict decoder; what it cannot do is ``unsupported``.

JPEG has no checksums. Damage that leaves a stream of valid codes of the right length is not seen
by any decoder.
"""

from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image

from .errors import ImageError, one_line
from .jpeg_structure import JpegStructure, read_structure, regular
from .results import FileStatus

_CMYK_COMPONENTS = 4


@dataclass(frozen=True, slots=True)
class JpegPixels:
    """A decoded JPEG.

    Attributes:
        image: ``RGB`` or ``CMYK``, as stored, so not yet turned upright.
        damage: what was wrong with it, where it was decoded all the same; else empty.
    """

    image: Image.Image
    damage: str = ""


def decode_jpeg(
    data: bytes,
    at_least: tuple[int, int] = (0, 0),
    *,
    fill_gaps: bool = False,
    structure: JpegStructure | None = None,
) -> JpegPixels:
    """Decode a baseline or progressive JPEG of 8 bits: grey, YCbCr, RGB, CMYK or YCCK.

    Args:
        data: the whole file.
        at_least: height and width, as stored, that scaling must keep. The picture is decoded at
            the smallest of libjpeg's scales (1/8 to 8/8) that keeps both; (0, 0) decodes in full.
        fill_gaps: decode a truncated picture too, with libjpeg's grey where nothing is known.
        structure: the file's markers, where they were read already.

    Raises:
        ImageError: ``truncated``, ``corrupt``, ``unsupported`` or ``too_large``.
    """
    structure = structure or read_structure(data)
    if structure.unsupported:
        raise ImageError(FileStatus.UNSUPPORTED, f"{structure.unsupported} is not supported")
    try:
        image = _strict(data, structure, at_least)
        if not structure.has_all_coefficients:
            raise ImageError(FileStatus.TRUNCATED, "its last scans are missing")
    except ImageError as error:
        if not (fill_gaps and error.status is FileStatus.TRUNCATED):
            raise
        return JpegPixels(_pixels(data, structure, at_least, strict=False), error.reason)
    return JpegPixels(image)


def _strict(data: bytes, structure: JpegStructure, at_least: tuple[int, int]) -> Image.Image:
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
    data: bytes, structure: JpegStructure, at_least: tuple[int, int], *, strict: bool
) -> Image.Image:
    mode = "CMYK" if len(structure.components) == _CMYK_COMPONENTS else "RGBX"
    try:
        pixels = simplejpeg.decode_jpeg(
            data,
            mode,
            min_height=at_least[0] or structure.height,
            min_width=at_least[1] or structure.width,
            strict=strict,
        )
    except ValueError as error:
        raise _refusal(one_line(error)) from error
    if mode == "CMYK":
        # Adobe's programs store them inverted, and everybody follows.
        np.subtract(255, pixels, out=pixels)
    image = Image.frombuffer(mode, (pixels.shape[1], pixels.shape[0]), pixels, "raw", mode, 0, 1)
    # The same memory by another name: of RGBX Pillow resizes the fourth byte, of RGB it does not.
    return image if mode == "CMYK" else Image.fromarrow(image, "RGB", image.size)


def _refusal(reason: str) -> ImageError:
    text = reason.lower()
    if "premature end" in text or "marker 0xd9 instead" in text:
        return ImageError(FileStatus.TRUNCATED, reason)
    if "insufficient memory" in text or "memory allocation" in text:
        return ImageError(FileStatus.TOO_LARGE, "not enough memory")
    return ImageError(FileStatus.CORRUPT, reason)
