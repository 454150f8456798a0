"""What every decoder gives: a picture as its camera meant it, and where it lies in its pixels."""

from dataclasses import dataclass

from PIL import Image

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels."""

_ORIGIN_AT_RIGHT, _ORIGIN_AT_BOTTOM = frozenset({2, 3, 6, 7}), frozenset({3, 4, 7, 8})
"""EXIF orientations by where the first stored pixel goes (TIFF 6.0, section 8, Orientation)."""


@dataclass(frozen=True, slots=True)
class Upright:
    """A decoded picture.

    Attributes:
        image: ``RGB``, turned upright.
        damage: what was wrong with it, where it was decoded all the same; else empty.
        box: the part of the pixels that the picture fills; ``None`` for all of them.
    """

    image: Image.Image
    damage: str = ""
    box: Box | None = None


def filled_box(size: tuple[int, int], filled: tuple[float, float], orientation: int) -> Box | None:
    """The part of an upright picture that was filled from the first stored pixel on.

    Args:
        size: width and height of all pixels, upright.
        filled: width and height of what is filled, as stored.
        orientation: EXIF orientation, 1 to 8.
    """
    width, height = filled if orientation < 5 else filled[::-1]
    if (width, height) == size:
        return None
    left = size[0] - width if orientation in _ORIGIN_AT_RIGHT else 0.0
    upper = size[1] - height if orientation in _ORIGIN_AT_BOTTOM else 0.0
    return left, upper, left + width, upper + height
