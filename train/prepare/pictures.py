"""Pictures of a prepared data set: rows of its manifest, and of ``rejected.csv``."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """One row of the manifest without its split; sizes in pixels after EXIF orientation."""

    file: str
    label: str
    source: str
    group: str
    original_format: str
    original_width: int
    original_height: int
    original_bytes: int


@dataclass(frozen=True, slots=True)
class RejectedPicture:
    """One row of ``rejected.csv``: a picture that could not be used.

    Attributes:
        item: its key in the source: row of a data set (``block-row``), or path in a folder.
        label: ``ai`` or ``real``.
        status: a value of ``FileStatus``.
        error: one line.
    """

    item: str
    label: str
    status: str
    error: str


def from_entry(kind: Any, entry: Mapping[str, Any]) -> Any:
    """Return a picture of a line of the journal, which may have more values."""
    return kind(**{field.name: entry[field.name] for field in fields(kind)})


def columns_of(kind: Any) -> list[str]:
    """Return column names: the fields, with ``class`` for ``label``, as manifests have it."""
    return ["class" if field.name == "label" else field.name for field in fields(kind)]
