"""Request of a sort: which pictures go where, and how."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """Action on each picture."""

    COPY = "copy"
    LINK = "link"
    """Make a symbolic link to it."""
    MOVE = "move"


class Shelf(StrEnum):
    """Folder for the pictures of one verdict, or for files without one."""

    AI = "ai"
    UNSURE = "unsure"
    REAL = "real"
    FAILED = "failed"


class Mode(StrEnum):
    """Choice between doing and printing what would be done."""

    DO = "do"
    DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class SortRequest:
    """Request of a sort.

    Attributes:
        rows: path of a finished output.
        into: folder that gets the sub-folders of the verdicts.
        action: action on each picture.
        only: shelves to fill; empty for all.
        min_p: least ``p_ai``; ``None`` for any, and then files without a verdict too.
        folder: folder in which the scan ran, for relative paths; ``None`` for the present one.
        mode: do it, or print what would be done.
    """

    rows: str
    into: str
    action: Action = Action.COPY
    only: frozenset[Shelf] = frozenset()
    min_p: float | None = None
    folder: str | None = None
    mode: Mode = Mode.DO
