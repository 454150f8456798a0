"""WebP files of pictures of any size."""

import io

from PIL import Image

_LONGEST_SIDE = 16383
"""Longest side that the format can hold."""

_ALWAYS_FITS = 1024
"""Longest side of pictures that the encoder takes whatever they show."""


def encode_webp(image: Image.Image, quality: int, method: int) -> bytes:
    """Return an RGB picture as a lossy WebP file, reduced if the format cannot hold it.

    WebP keeps the modes of all blocks in a partition whose size has 19 bits (RFC 6386, section
    9.1). At method 0 a picture of 16 megapixels with much detail exceeds it, and Pillow raises a
    ``ValueError`` with a number; see ``findings/webp-fastest-method-refuses.sh``.

    Args:
        image: the picture.
        quality: libwebp's quality, 0 to 100.
        method: libwebp's effort, 0 to 6.
    """
    image = shrink(image, _LONGEST_SIDE)
    while True:
        stream = io.BytesIO()
        try:
            image.save(stream, "WEBP", quality=quality, method=method)
        except ValueError:
            if max(image.size) <= _ALWAYS_FITS:
                raise
            image = shrink(image, max(image.size) * 3 // 4)
        else:
            return stream.getvalue()


def shrink(image: Image.Image, longest: int) -> Image.Image:
    """Reduce with Lanczos until the longest side fits; smaller pictures stay unchanged."""
    factor = longest / max(image.size)
    if factor >= 1.0:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)
