"""Files that belong to a picture: settings of photo programs, descriptions of photo services."""

import os
import stat
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from ..images.formats.registry import known_extensions
from ..system.durable import Identity, identity_of

_SUFFIXES = (".xmp", ".json", ".XMP", ".JSON")

_RAW = frozenset({"arw", "cr2", "cr3", "dng", "nef", "orf", "pef", "raf", "rw2", "srw"})
"""Extensions of raw files, whose settings lie in a sidecar too."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file that goes along with a picture.

    Attributes:
        path: path of the file.
        status: its status.
        is_shared: true if it also belongs to another file of the same stem.
    """

    path: Path
    status: os.stat_result
    is_shared: bool = False


def sidecars_of(picture: Path, leaving: Set[Path] = frozenset()) -> list[Sidecar]:
    """Return the sidecars of a picture: ``a.jpg.xmp``, ``a.xmp``, and the same with ``json``.

    Args:
        picture: path of the picture.
        leaving: other files that are about to leave their folder, and share nothing any more.
    """
    found: dict[Identity, Sidecar] = {}
    whole = str(picture)
    # Texts, because most pictures have none, and paths take longer than the system's answer.
    for stem, is_own in ((whole, True), (whole.removesuffix(picture.suffix), False)):
        for suffix in _SUFFIXES:
            path = f"{stem}{suffix}"
            status = _regular(path)
            # On some systems, one file answers to both ways of writing.
            if status is not None and identity_of(status) not in found:
                is_shared = not is_own and _has_siblings(picture, leaving)
                found[identity_of(status)] = Sidecar(Path(path), status, is_shared)
    return list(found.values())


def _has_siblings(picture: Path, leaving: Set[Path]) -> bool:
    own = _regular(picture)
    for extension in known_extensions() | _RAW:
        for suffix in (f".{extension}", f".{extension.upper()}"):
            path = picture.with_name(f"{picture.stem}{suffix}")
            other = None if path in leaving else _regular(path)
            if other is not None and (own is None or not os.path.samestat(other, own)):
                return True
    return False


def _regular(path: Path | str) -> os.stat_result | None:
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None
