"""Pictures without enough content for a verdict, at any answer of the model.

The model was trained on photographs and on generated pictures. A thumbnail, an almost uniform
picture and a page of text hold no trace of either, and its answer to them is arbitrary. The bounds
were set on its training pictures: there they find line drawings and text, and hardly any
photograph.
"""

import numpy as np
import numpy.typing as npt

from ..results import MIN_SIDE, Doubt
from .pixels import PixelArray

_MIN_DEVIATION = 4.0
"""Standard deviation of a channel (0 to 255); noise of a dark frame stays below it."""

_PAPER_RANGE = 6
"""Levels on both sides of the commonest one that still count as page: JPEG spreads white so far."""

_MIN_PAPER = 0.3
_MIN_UNIFORM_PAPER = 0.75
"""Least share of page in a picture below ``_MIN_DEVIATION``; tested first, because it is quick."""

_INK_CONTRAST = 40
_CELLS = 14
_MIN_WRITTEN_CELLS = 0.4
_MIN_PAPER_IN_CELL = 0.2
_COLOUR_CONTRAST = 40
_MAX_COLOURED = 0.05


def doubt_of(width: int, height: int, pixels: PixelArray) -> Doubt | None:
    """Return the reason why a picture is unfit for a verdict, or ``None``.

    Args:
        width: width of the original picture in pixels.
        height: height of the original picture in pixels.
        pixels: the picture at the model's size, uint8 RGB of shape (height, width, 3).
    """
    if min(width, height) < MIN_SIDE:
        return Doubt.TINY
    # For nearly all pictures, one pixel of sixteen is enough to rule this out.
    sampled = pixels[::4, ::4]
    counts = np.bincount(sampled[..., 1].ravel(), minlength=256)
    page = int(counts.argmax())
    paper = counts[max(0, page - _PAPER_RANGE) : page + _PAPER_RANGE + 1].sum() / counts.sum()
    if paper < _MIN_PAPER:
        return None
    if paper >= _MIN_UNIFORM_PAPER and _deviation(sampled) < _MIN_DEVIATION:
        return Doubt.UNIFORM
    if (np.ptp(sampled, axis=2) > _COLOUR_CONTRAST).mean() > _MAX_COLOURED:
        return None
    return Doubt.TEXT if _is_written(pixels[..., 1], page) else None


def _deviation(pixels: PixelArray) -> float:
    """Return the standard deviation of the channel that varies most."""
    return float(pixels.std(axis=(0, 1), dtype=np.float32).max())


def _is_written(green: PixelArray, page: int) -> bool:
    """Return whether there are marks all over a page of the given green value."""
    distance = np.abs(green.astype(np.int16) - page)
    marked = _by_cell(distance > _INK_CONTRAST) > 0.0
    on_paper = _by_cell(distance <= _PAPER_RANGE) >= _MIN_PAPER_IN_CELL
    return bool((marked & on_paper).mean() >= _MIN_WRITTEN_CELLS)


def _by_cell(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the share of a mask in each cell of a coarse grid, at most (``_CELLS``,
    ``_CELLS``)."""
    rows, columns = (min(_CELLS, side) for side in mask.shape)
    down, across = mask.shape[0] // rows, mask.shape[1] // columns
    cells = mask[: rows * down, : columns * across].reshape(rows, down, columns, across)
    shares: npt.NDArray[np.float64] = cells.mean(axis=(1, 3))
    return shares
