"""Names that a walk takes, and names that it leaves out and counts."""

from collections.abc import Callable
from enum import Enum, auto

from ..images.formats.registry import is_picture_start, known_extensions
from .options import WalkOptions
from .paths import path_text
from .patterns import Patterns
from .read import first_bytes

_SYSTEM_NAMES = frozenset({b"@eadir", b".@__thumb", b".thumbnails", b".appledouble", b"__macosx"})
_SYSTEM_NAMES |= {b"thumbs.db", b"ehthumbs.db", b".ds_store", b"desktop.ini"}
"""Lower-case names of files and folders that Macs, NAS boxes and file managers leave: thumbnails
and settings, never a picture that somebody took."""

_APPLE_DOUBLE = b"._"
"""Prefix of a Mac's extra file for ``x.jpg``, on a disk that has no other place for it."""

START = 32
"""Number of first bytes that identify every format."""


class Choice(Enum):
    """Decision of a walk about a name."""

    TAKE = auto()
    EXCLUDED = auto()
    NO_PICTURE = auto()
    """By its name."""
    NO_CONTENT = auto()
    """By its name and its first bytes."""
    SYSTEM = auto()


class Chooser:
    """Decisions by names, and with ``any_name`` by first bytes.

    Args:
        options: options of the walk.

    Raises:
        UsageError: a pattern is invalid.
    """

    def __init__(self, options: WalkOptions) -> None:
        self._options = options
        extensions = known_extensions() if options.extensions is None else options.extensions
        self._extensions = frozenset(extension.encode() for extension in extensions)
        self._include, self._exclude = Patterns(options.include), Patterns(options.exclude)

    def folder(self, name: bytes, relative: bytes) -> Choice:
        """Return the decision about a folder in a folder.

        Args:
            name: name of the folder.
            relative: its path below the named folder.
        """
        if self._is_system(name):
            return Choice.SYSTEM
        is_excluded = self._exclude and self._exclude.match(path_text(relative) + "/")
        return Choice.EXCLUDED if is_excluded else Choice.TAKE

    def file(self, name: bytes, relative: bytes, is_picture: Callable[[], bool]) -> Choice:
        """Return the decision about any other entry of a folder.

        Args:
            name: name of the file.
            relative: its path below the named folder.
            is_picture: looks at the first bytes of a file that is not named like a picture.
        """
        if self._is_system(name):
            return Choice.SYSTEM
        if self._exclude and self._exclude.match(path_text(relative)):
            return Choice.EXCLUDED
        if not self.is_named_like_picture(name):
            if not self._options.any_name:
                return Choice.NO_PICTURE
            if not is_picture():
                return Choice.NO_CONTENT
        is_included = not self._include or self._include.match(path_text(relative))
        return Choice.TAKE if is_included else Choice.EXCLUDED

    def unmatched(self) -> list[str]:
        """Return the options whose pattern has matched nothing so far, as on the command line."""
        return [
            f"--{option} {text!r}"
            for option, patterns in (("include", self._include), ("exclude", self._exclude))
            for text in patterns.unmatched()
        ]

    def _is_system(self, name: bytes) -> bool:
        return not self._options.system_files and (
            name.startswith(_APPLE_DOUBLE) or name.lower() in _SYSTEM_NAMES
        )

    def is_named_like_picture(self, name: bytes) -> bool:
        """Return whether the extension of a name is one of a picture."""
        _, dot, extension = name.rpartition(b".")
        return bool(dot) and extension.lower() in self._extensions


def starts_like_picture(path: bytes) -> bool:
    """Return whether the first bytes of a file are those of a picture, or cannot be read."""
    try:
        return is_picture_start(first_bytes(path, START))
    except OSError:
        # It may be a picture; its row reports why it cannot be read.
        return True
