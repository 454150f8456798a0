"""A model's views of a picture: the whole, and a part at native resolution.

Training, calibration, export and scanning all cut views here, as ``web/views.js`` does in browsers.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from .orientation import Box
from .pixels import PixelArray
from .preprocess import resize
from .shape import InputShape

_ROW_STEP = 8
"""Of so many rows, the middle one is looked at for texture."""


def views_of(image: Image.Image, shape: InputShape, box: Box | None = None) -> PixelArray:
    """Return a model's input, uint8 of shape ``shape.axes``.

    Args:
        image: RGB, upright.
        shape: shape of the input.
        box: the part of the image that holds the picture; ``None`` for all of it.
    """
    whole = resize(image, shape.size, box)
    if len(shape.views) == 1:
        return whole
    return np.stack([whole, *(textured_part(image, shape.size) for _ in shape.views[1:])])


def whole_of(pixels: PixelArray) -> PixelArray:
    """Return the view of the whole picture, uint8 (height, width, 3), in a model's input."""
    return pixels if pixels.ndim == 3 else pixels[0]


def textured_part(image: Image.Image, size: tuple[int, int]) -> PixelArray:
    """Return the most textured of nine parts of an RGB picture, uint8 of shape (*size, 3).

    The parts lie at the edges and in the middle of both axes; of equal ones the first counts, from
    the centre on. Their pixels are the picture's own. A picture that is smaller than the part is
    continued by its mirror images, to the right and below.

    Args:
        image: the picture.
        size: height and width of the part.
    """
    height, width = size
    tops, lefts = _starts(image.height, height), _starts(image.width, width)
    top, left = tops[0], lefts[0]
    if len(tops) * len(lefts) > 1:
        steps = _steps(image)
        rows, columns = min(height // _ROW_STEP, len(steps)), width - 1

        def texture(place: tuple[int, int]) -> int:
            first, left = place[0] // _ROW_STEP, place[1]
            return int(steps[first : first + rows, left : left + columns].sum(dtype=np.int64))

        # Of equal ones, max returns the first.
        top, left = max(((top, left) for top in tops for left in lefts), key=texture)
    right, bottom = min(left + width, image.width), min(top + height, image.height)
    pixels = np.array(image.crop((left, top, right, bottom)))
    if pixels.shape[:2] == size:
        return pixels
    down, across = (_mirrored(*sides) for sides in zip(pixels.shape[:2], size, strict=True))
    return pixels[down][:, across]


def _starts(side: int, part: int) -> tuple[int, ...]:
    """Return where a part may begin along a side: in the middle, first, last."""
    room = max(0, side - part)
    return tuple(dict.fromkeys((room // 2, 0, room)))


def _steps(image: Image.Image) -> PixelArray:
    """Return differences of neighbouring green values in some rows, (rows, width - 1)."""
    width, rows = image.width, image.height // _ROW_STEP
    # Nearest at a whole factor takes rows as they are: 4, 12, 20, …
    box = (0, 0, width, _ROW_STEP * rows)
    chosen = image.resize((width, max(1, rows)), Image.Resampling.NEAREST, box if rows else None)
    green = np.frombuffer(chosen.tobytes("raw", "G"), np.uint8).reshape(-1, width)[:rows]
    return np.maximum(green[:, 1:], green[:, :-1]) - np.minimum(green[:, 1:], green[:, :-1])


def _mirrored(side: int, wanted: int) -> npt.NDArray[np.intp]:
    """Return indices 0 to ``side - 1``, back to 0, and so on, (wanted,)."""
    there_and_back = np.arange(wanted) % (2 * side)
    return np.minimum(there_and_back, 2 * side - 1 - there_and_back)
