"""The preprocessing contract: decoded picture → RGB → 224×224 uint8 array.

Training, export and scanning all call this module, so there is no second version to drift. Each
rule has a test:

- EXIF orientation is applied.
- Alpha is composited on white; palettes are expanded; grey is repeated over the channels.
- Of 16-bit values, the high byte counts.
- CMYK and YCCK go through Pillow's plain conversion. Their JPEGs count as inverted, as Adobe's
  programs store them.
- ICC profiles are ignored, because training ignored them.
- The first frame of an animated or multi-page file counts.
"""

import numpy as np
from PIL import Image

from ..errors import ImageError
from ..results import FileStatus
from .orientation import Box
from .pixels import PixelArray

INPUT_SIZE = (224, 224)
"""Height and width of the ResNet's input in the reference recipe."""

_SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
"""A TIFF tag and its value (TIFF 6.0, section 3)."""
_PLAIN_MODES = frozenset({"1", "L", "P", "RGBX", "CMYK", "YCbCr", "HSV"})

_BAND = 64
"""Rows of a picture whose alpha is composited at a time."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a loaded picture of any supported mode to 8-bit RGB.

    Raises:
        ImageError: ``unsupported`` for modes with no agreed mapping to 8 bits (32-bit integer,
            float, LAB).
    """
    if image.has_transparency_data:
        return _composite_on_white(image)
    if image.mode == "RGB":
        return image
    if image.mode in _SIXTEEN_BIT_MODES:
        return _high_byte(image)
    if image.mode in _PLAIN_MODES:
        return image.convert("RGB")
    raise ImageError(FileStatus.UNSUPPORTED, f"pixel mode {image.mode} has no 8-bit RGB form")


def resize(
    image: Image.Image, size: tuple[int, int] = INPUT_SIZE, box: Box | None = None
) -> PixelArray:
    """Stretch an RGB picture to ``size`` (height, width), uint8 of shape (height, width, 3).

    Pillow's bilinear filter with antialiasing, both sides, no crop. The result equals that of
    ``torchvision.transforms.Resize((height, width))`` on the same picture bit for bit.

    Args:
        image: the picture.
        size: height and width of the result.
        box: the part of the image that holds the picture; ``None`` for all of it.
    """
    height, width = size
    if box is not None or image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, box)
    # A copy: an array over Pillow's own buffer is read-only.
    return np.array(image)


def _composite_on_white(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT_MODES:
        return _high_byte(image)
    # In bands, because three copies of all pixels would need twice the memory.
    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, _BAND):
        box = (0, top, image.width, min(top + _BAND, image.height))
        band = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", band.size, (255, 255, 255, 255))
        flat.paste(Image.alpha_composite(white, band).convert("RGB"), box)
    return flat


def _high_byte(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as RGB of its high byte, and its clear value as white.

    Pillow takes the high byte of 16-bit RGB, too.
    """
    stored = np.asarray(image)
    values = (stored >> 8).astype(np.uint8)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        # Pillow inverts such TIFFs at 8 bits and forgets to at 16.
        values = ~values
    if isinstance(clear := image.info.get("transparency"), int):
        values[stored == clear] = 255
    return Image.fromarray(values).convert("RGB")
