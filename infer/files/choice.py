"""Names that a walk takes, and names that it leaves out and counts."""

from dataclasses import dataclass, field
from enum import Enum, auto

from ..images.formats.registry import is_picture_start, known_extensions
from ..system.durable import Identity
from .paths import path_text
from .patterns import Patterns
from .read import first_bytes

_SYSTEM_NAMES = frozenset({b"@eadir", b".@__thumb", b".thumbnails", b".appledouble", b"__macosx"})
_SYSTEM_NAMES |= {b"thumbs.db", b"ehthumbs.db", b".ds_store", b"desktop.ini"}
"""Lower-case names of files and folders that Macs, NAS boxes and file managers leave: thumbnails
and settings, never a picture that somebody took."""

_APPLE_DOUBLE = b"._"
"""Beginning of the name of what a Mac keeps beside ``x.jpg`` where a disk has no place for it."""

_START = 32
"""Bytes that tell every format apart."""


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """What a walk finds.

    Attributes:
        include: patterns, see ``patterns``; where given, files in folders must match.
        exclude: patterns; files and folders in folders that match are left out.
        follow_links: also enter links to folders; each folder is entered once, so loops end.
        any_name: the first bytes of a file decide where its name does not say that it is a picture.
        system_files: also find what Macs, NAS boxes and file managers leave.
        never: files that are not found whatever their path, such as the output being written.
        extensions: lower-case, without the dot.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    any_name: bool = False
    system_files: bool = False
    never: frozenset[Identity] = frozenset()
    extensions: frozenset[str] = field(default_factory=known_extensions)


@dataclass(slots=True)
class LeftOut:
    """Counts of what a walk left out, for the summary.

    Attributes:
        no_pictures: files that are none by their names; with ``any_name`` by their first bytes.
        system_files: files and folders of Macs, NAS boxes and file managers.
        patterns: those of ``include`` and ``exclude`` that matched nothing, once a walk has ended.
    """

    no_pictures: int = 0
    system_files: int = 0
    patterns: list[str] = field(default_factory=list)


class Choice(Enum):
    """What a walk does with a name."""

    TAKE = auto()
    EXCLUDED = auto()
    NO_PICTURE = auto()
    SYSTEM = auto()


class Chooser:
    """Decides by names, and with ``any_name`` by first bytes.

    Args:
        options: what is found.

    Raises:
        UsageError: a pattern is none.
    """

    def __init__(self, options: WalkOptions) -> None:
        self._options = options
        self._extensions = frozenset(extension.encode() for extension in options.extensions)
        self._include, self._exclude = Patterns(options.include), Patterns(options.exclude)

    def folder(self, name: bytes, relative: bytes) -> Choice:
        """Return what is done with a folder in a folder.

        Args:
            name: of the folder.
            relative: its path below the named folder.
        """
        if self._is_system(name):
            return Choice.SYSTEM
        is_excluded = self._exclude and self._exclude.match(path_text(relative) + "/")
        return Choice.EXCLUDED if is_excluded else Choice.TAKE

    def file(self, name: bytes, relative: bytes, path: bytes) -> Choice:
        """Return what is done with anything else in a folder.

        Args:
            name: of the file.
            relative: its path below the named folder.
            path: its path.
        """
        if self._is_system(name):
            return Choice.SYSTEM
        if self._exclude and self._exclude.match(path_text(relative)):
            return Choice.EXCLUDED
        if not self._is_named_like_picture(name) and not (
            self._options.any_name and _starts_like_picture(path)
        ):
            return Choice.NO_PICTURE
        is_included = not self._include or self._include.match(path_text(relative))
        return Choice.TAKE if is_included else Choice.EXCLUDED

    def unmatched(self) -> list[str]:
        """Return the options whose pattern has matched nothing so far, as a user types them."""
        return [
            f"--{option} {text!r}"
            for option, patterns in (("include", self._include), ("exclude", self._exclude))
            for text in patterns.unmatched()
        ]

    def _is_system(self, name: bytes) -> bool:
        return not self._options.system_files and (
            name.startswith(_APPLE_DOUBLE) or name.lower() in _SYSTEM_NAMES
        )

    def _is_named_like_picture(self, name: bytes) -> bool:
        _, dot, extension = name.rpartition(b".")
        return bool(dot) and extension.lower() in self._extensions


def _starts_like_picture(path: bytes) -> bool:
    try:
        return is_picture_start(first_bytes(path, _START))
    except OSError:
        # It may be one; its row will say why nobody can tell.
        return True
