"""Groups of related pictures, which no split tears apart."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from trustthepixels.infer.errors import UsageError


class GroupKind(StrEnum):
    """Origin of a picture's group."""

    NONE = "none"
    FOLDER = "folder"
    PREFIX = "prefix"
    COLUMN = "column"


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Rule that finds the group of a picture.

    ``NONE``: only files of the same content belong together. ``FOLDER``: the files of one folder.
    ``PREFIX``: the files of one folder whose names are equal up to the last ``argument``, as tiles
    and frames are numbered (``castle_01``, ``castle_02``). ``COLUMN``: rows of a data set with the
    same value in the column ``argument``. Folders and prefixes of the same name in both classes
    are one group, because they may hold a photograph and its imitation.
    """

    kind: GroupKind
    argument: str = ""

    def of_file(self, root_name: str, relative: PurePosixPath) -> str:
        """Return the group of a file; empty if the rule finds none.

        Args:
            root_name: name of the requested folder.
            relative: path of the file below it.
        """
        if self.kind is GroupKind.FOLDER:
            return relative.parent.as_posix() if len(relative.parts) > 1 else root_name
        if self.kind is GroupKind.PREFIX:
            head, separator, _ = relative.stem.rpartition(self.argument)
            return relative.with_name((head if separator else relative.stem) or "_").as_posix()
        return ""


def parse_group_rule(text: str) -> GroupRule:
    """Read ``none``, ``folder``, ``prefix:SEPARATOR`` or ``column:NAME``.

    Raises:
        UsageError: the text is none of these.
    """
    name, colon, argument = text.partition(":")
    takes_argument = name in (GroupKind.PREFIX, GroupKind.COLUMN)
    if (
        name not in set(GroupKind)
        or takes_argument != bool(argument)
        or bool(colon) != bool(argument)
    ):
        raise UsageError(
            f"--group-by '{text}' is none of: none, folder, prefix:SEPARATOR, column:NAME"
        )
    return GroupRule(GroupKind(name), argument)
