"""Options of the command line as metadata of a request's fields: name, text, range.

``request`` describes its fields with them, and ``commands.options`` makes click's options of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

Value = TypeVar("Value")


class Unit(Enum):
    """Unit of a number on the command line."""

    NONE = "none"
    BYTES = "bytes"
    """Bytes, such as ``512M``."""


@dataclass(frozen=True, slots=True)
class Option:
    """Form of a field on the command line.

    Attributes:
        name: name with its dashes.
        help: one or two sentences.
        metavar: placeholder of the value; empty if it has choices.
        default: words for the default of a field that is ``None`` by default.
        sets: value of a field whose option takes none; ``None`` for an option that takes one.
        least: smallest number.
        most: largest number.
        above: number below all others, itself not allowed.
        unit: unit of the number.
    """

    name: str
    help: str
    metavar: str = ""
    default: str = ""
    sets: object = None
    least: int | None = None
    most: int | None = None
    above: float | None = None
    unit: Unit = Unit.NONE


OPTIONS = "options"
"""Key of a field's options among its metadata: a tuple, or for ``limits`` a mapping by field."""


def option(default: Value, *options: Option) -> Value:
    """Return a field with a default and the options that set it."""
    made: Value = field(default=default, metadata={OPTIONS: options})
    return made


def options_within(default: Value, options: Mapping[str, Option]) -> Value:
    """Return a field that holds a dataclass, with an option for each of that one's fields."""
    made: Value = field(default=default, metadata={OPTIONS: options})
    return made
