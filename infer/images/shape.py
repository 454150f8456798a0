"""Views of a picture and their size, as a model takes them: plain values, quick to load."""

from dataclasses import dataclass
from enum import StrEnum


class View(StrEnum):
    """View of a picture, as large as the model's input.

    Attributes:
        WHOLE: all of it, stretched, see ``preprocess.resize``.
        PART: its most textured part, without resampling, see ``views.textured_part``.
    """

    WHOLE = "whole"
    PART = "part"


@dataclass(frozen=True, slots=True)
class InputShape:
    """Shape of one picture in a model's input.

    Attributes:
        height: pixels of each view.
        width: pixels of each view.
        views: at least one; the first is the whole picture.
    """

    height: int
    width: int
    views: tuple[View, ...] = (View.WHOLE,)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of each view."""
        return self.height, self.width

    def __str__(self) -> str:
        """Return the shape for people: width, height and views."""
        return f"{self.width}×{self.height} ({', '.join(self.views)})"

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes of the array: (height, width, 3), or (views, height, width, 3) of several views."""
        one = (self.height, self.width, 3)
        return one if len(self.views) == 1 else (len(self.views), *one)
