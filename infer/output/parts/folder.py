"""Folder of rows in parts: what its files are called, and where they lie.

::

    run.json                                the run: its identity, the format; written first
    part-ROOT-NUMBER-RUN-ATTEMPT.csv        rows, with a header; or ``.jsonl``
    manifest.json                           what is complete, written last

``ROOT`` is the number of the first row's root, ``NUMBER`` counts the parts of a run, ``RUN`` is the
run's name in ``run.json``, and ``ATTEMPT`` counts how often the run was begun or resumed. So no two
runs write one name. A folder may be a prefix of an object store, see ``stores.rows_folder``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from ...choices import Existing, RowFormat
from ...errors import InputError, OutputError, failing_as
from ..whole_file import whole_file

RUN = "run.json"
MANIFEST = "manifest.json"

_PART = re.compile(r"part-([0-9]{6,9})-([0-9]{6,9})-([0-9a-f]{8})-([0-9]{3,9})\.(csv|jsonl)")


class RowsFolder(Protocol):
    """A folder of rows, on this machine or in a store."""

    @property
    def shown(self) -> str:
        """Path or address for messages, without credentials."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; it replaces one of that name.

        Raises:
            OutputError: it cannot be written.
        """

    def create(self, name: str, content: bytes) -> None:
        """Write a new file whole or not at all; an equal one of that name is left as it is.

        Raises:
            OutputError: it cannot be written, or another one has that name.
        """

    def names(self) -> Iterator[str]:
        """Yield the names of the files, in their order; a folder that is not there has none.

        Raises:
            InputError: they cannot be listed.
        """

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; ``None`` if there is no such file.

        Raises:
            InputError: it cannot be read.
        """

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            OutputError: it cannot be removed.
        """


@dataclass(frozen=True, slots=True, order=True)
class PartName:
    """Name of a part; later ones of a run are greater.

    Attributes:
        attempt: how often the run was begun or resumed, from 1 on.
        number: number of the part; no two parts of an attempt have the same.
        root: number of the root of its first row.
        run: name of the run, eight hexadecimal digits.
        row_format: format of its rows.
    """

    attempt: int
    number: int
    root: int
    run: str
    row_format: RowFormat

    @classmethod
    def of(cls, name: str) -> Self | None:
        """Return the part with this name; ``None`` for a file that is none."""
        found = _PART.fullmatch(name)
        if found is None:
            return None
        root, number, run, attempt, row_format = found.groups()
        return cls(int(attempt), int(number), int(root), run, RowFormat(row_format))

    def __str__(self) -> str:
        """Return the name of the file."""
        start = f"part-{self.root:06}-{self.number:06}-{self.run}"
        return f"{start}-{self.attempt:03}.{self.row_format}"


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """Folder of this machine; it is made with its first file.

    Attributes:
        shown: its path.
    """

    shown: str

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; it replaces one of that name.

        Raises:
            OutputError: it cannot be written.
        """
        self._write(name, content, Existing.REPLACE)

    def create(self, name: str, content: bytes) -> None:
        """Write a new file whole or not at all; an equal one of that name is left as it is.

        Raises:
            OutputError: it cannot be written, or another one has that name.
        """
        try:
            self._write(name, content, Existing.REFUSE)
        except OutputError:
            there = self.read(name)
            if there is None:
                raise
            if there != content:
                raise taken(self.shown, name) from None

    def names(self) -> Iterator[str]:
        """Yield the names of the files, in their order; a folder that is not there has none.

        Raises:
            InputError: they cannot be listed.
        """
        try:
            names = sorted(path.name for path in Path(self.shown).iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"cannot list {self.shown}: {error.strerror}") from error
        # Unfinished files have hidden names.
        yield from (name for name in names if not name.startswith("."))

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; ``None`` if there is no such file.

        Raises:
            InputError: it cannot be read.
        """
        path = Path(self.shown, name)
        with failing_as(InputError, f"cannot read {path}"):
            try:
                # A new file is empty for a moment, before it has its content.
                return path.read_bytes() or None
            except (FileNotFoundError, NotADirectoryError):
                return None

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            OutputError: it cannot be removed.
        """
        path = Path(self.shown, name)
        with failing_as(OutputError, f"cannot remove {path}"):
            path.unlink(missing_ok=True)

    def _write(self, name: str, content: bytes, existing: Existing) -> None:
        with failing_as(OutputError, f"cannot write to {self.shown}"):
            Path(self.shown).mkdir(exist_ok=True)
        with whole_file(str(Path(self.shown, name)), existing) as path:
            path.write_bytes(content)


def taken(folder: str, name: str) -> OutputError:
    """Return the failure of a name that another run has used."""
    return OutputError(
        f"cannot write {name} to {folder}: another scan has just written it; wait until that one "
        "ends, or choose another folder"
    )
