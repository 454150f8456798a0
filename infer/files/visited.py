"""Files and folders that a walk has found: overlapping roots and links find nothing twice."""

import hashlib

from ..system.durable import Identity, identity_of
from .paths import stat_path


class Visited:
    """Folders that were walked, and files that were named themselves."""

    def __init__(self) -> None:
        self._folders: dict[Identity, bytes] = {}
        self._files: set[bytes] = set()
        self._last_parent: tuple[bytes, Identity] | None = None

    def enter(self, folder: Identity, relative: bytes) -> bool:
        """Note a folder; return whether it is new."""
        if folder in self._folders:
            return False
        # A file system without inodes gives all folders the same number.
        if folder[1] != 0:
            self._folders[folder] = relative
        return True

    def entered_as(self, folder: Identity) -> bytes | None:
        """Return the path of a walked folder below its root; ``None`` if it was not walked."""
        return self._folders.get(folder)

    def name_file(self, folder: Identity, name: bytes) -> bool:
        """Note a file that was named itself; return whether it is new."""
        key = _file_key(folder, name)
        if key in self._files:
            return False
        self._files.add(key)
        return True

    def was_named(self, folder: Identity, name: bytes) -> bool:
        """Return whether a file was named itself, before its folder was walked."""
        return bool(self._files) and _file_key(folder, name) in self._files

    def folder_identity(self, parent: bytes) -> Identity:
        """Return a folder's identity; lists name the files of one folder one after the other."""
        if self._last_parent is None or self._last_parent[0] != parent:
            self._last_parent = parent, identity_of(stat_path(parent))
        return self._last_parent[1]


def _file_key(folder: Identity, name: bytes) -> bytes:
    device, inode = folder
    return hashlib.blake2b(b"%d/%d/%s" % (device, inode, name), digest_size=16).digest()
