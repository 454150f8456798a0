"""Deepest folder that holds all of many paths, found in one pass."""

import os.path


class CommonFolder:
    """Common folder of the paths so far.

    Attributes:
        folder: the folder, without a slash at its end; empty if the paths have none in common.
    """

    def __init__(self) -> None:
        self.folder = ""
        self._prefix: str | None = None

    def add(self, path: str) -> None:
        """Take one more path into account."""
        prefix = self._prefix
        if prefix is None or not path.startswith(prefix):
            self._widen(path)

    def _widen(self, path: str) -> None:
        folder = _folder_of(path)
        if self._prefix is None:
            self.folder = folder
        else:
            # One of them may be absolute and the other not.
            same_kind = folder.startswith("/") == self.folder.startswith("/")
            self.folder = os.path.commonpath([self.folder, folder]) if same_kind else ""
        at_root = self.folder.endswith("/") or not self.folder
        self._prefix = self.folder if at_root else f"{self.folder}/"


def _folder_of(path: str) -> str:
    folder, slash, _ = path.rpartition("/")
    return folder or slash
