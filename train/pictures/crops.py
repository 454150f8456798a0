"""Views that studies compare: the whole picture, or several parts, each answered for alone."""

from enum import StrEnum

import numpy as np
from PIL import Image

from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.preprocess import resize


class Shown(StrEnum):
    """Part of a picture that the network sees.

    Attributes:
        WHOLE: all of it, stretched to the input's square.
        CROP: parts of it at native resolution; in training one random part.
        BOTH: both kinds; in training one of the two at random.
    """

    WHOLE = "whole"
    CROP = "crop"
    BOTH = "both"


NATIVE_SIDE = 288
"""Shorter side to which larger pictures are reduced before parts are taken: that of the bundled
model's training pictures."""

_CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))


def views_of(image: Image.Image, view: Shown, size: tuple[int, int]) -> list[PixelArray]:
    """Return the network's views of an RGB picture; its answers for them are averaged.

    Args:
        image: upright.
        view: the whole, four parts from its corners, or both.
        size: height and width of the network's input.

    Returns:
        One, four or five arrays, uint8 of shape (*size, 3).
    """
    views = [] if view is Shown.CROP else [resize(image, size)]
    if view is not Shown.WHOLE:
        small = reduced(image)
        views += [native_part(small, size, down, right) for down, right in _CORNERS]
    return views


def reduced(image: Image.Image) -> Image.Image:
    """Return the picture with a shorter side of at most ``NATIVE_SIDE``."""
    factor = NATIVE_SIDE / min(image.size)
    if factor >= 1.0:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def native_part(image: Image.Image, size: tuple[int, int], down: float, right: float) -> PixelArray:
    """Return a part of an RGB picture without any resampling, uint8 of shape (*size, 3).

    A picture that is smaller than the part is repeated.

    Args:
        image: the picture.
        size: height and width of the part.
        down: position of the part, 0 (top) to 1 (bottom).
        right: position of the part, 0 (left) to 1 (right).
    """
    pixels = np.asarray(image)
    repeats = [-(-wanted // have) for wanted, have in zip(size, pixels.shape, strict=False)]
    pixels = np.tile(pixels, (*repeats, 1))
    top = round(down * (pixels.shape[0] - size[0]))
    left = round(right * (pixels.shape[1] - size[1]))
    return np.ascontiguousarray(pixels[top : top + size[0], left : left + size[1]])
