r"""Journal of a sorted folder: every action before it happens, and its end.

It lies in the folder, one JSON object on each line:

- ``{"begin": 1, "made": true}``: a run begins; ``made`` says that it made the folder itself.
- ``{"folder": "ai/2024"}``: it is about to make this folder.
- ``{"do": "move", "from": "/a/b.jpg", "to": "ai/b.jpg", "size": 9, "time": 1}``: it is about to do
  this. The number of such a line is the number of those before it.
- ``{"done": 0, "size": 9, "time": 1}``: number 0 is done, and this is what lies at its place now.
- ``{"dropped": 0}``: number 0 did not happen, or was undone.
- ``{"undoing": 0}``: its undoing begins.

Actions are written in batches, and a batch is on the disk before its first action. So after a kill
or a power cut, an action without an end either happened or not, and the files themselves tell.
Paths are escaped as in rows.
"""

import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..output.rows import escape_path, unescape_path
from ..output.stamps import Stamp
from ..system.descriptors import BINARY, NO_FOLLOW
from ..system.durable import lock
from .json_lines import JsonLines
from .request import Action

NAME = ".trustthepixels-sort"
"""Name of the journal in the sorted folder."""


class State(IntEnum):
    """State of an action."""

    PENDING = 0
    DONE = 1
    DROPPED = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """An action in the journal.

    Attributes:
        number: number of the action.
        action: kind of the action.
        source: absolute path of the file.
        target: path below the sorted folder.
        stamp: size and time of the source when the action was planned.
    """

    number: int
    action: Action
    source: bytes
    target: bytes
    stamp: Stamp

    @property
    def partial(self) -> bytes:
        """Name of an unfinished copy, next to the final one."""
        return f".{self.number}.trustthepixels.partial".encode()


class Journal:
    """An open, locked journal. Made by ``open_journal``.

    Attributes:
        made_folder: true if a run made the sorted folder itself.
        is_undoing: true if an undo began and did not end.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._file = JsonLines(descriptor, path)
        self._places, self._ends = array("Q"), array("Q")
        self._states = bytearray()
        self._folders = array("Q")
        self._undoing: set[int] = set()
        self.made_folder = False
        self._read()

    def __len__(self) -> int:
        """Return the number of actions."""
        return len(self._places)

    @property
    def is_undoing(self) -> bool:
        """True if an undo began and did not end."""
        return bool(self._undoing)

    def begin(self, *, made: bool) -> None:
        """Note that a run begins.

        Args:
            made: true if it made the folder itself.
        """
        self._file.write({"begin": 1, "made": made})
        self.made_folder |= made

    def plan(self, action: Action, source: bytes, target: bytes, stamp: Stamp) -> Entry:
        """Note an action; ``sync`` comes before it may happen."""
        entry = Entry(len(self._places), action, source, target, stamp)
        values = {"do": action.value, "from": _text(source), "to": _text(target), **_stamped(stamp)}
        self._note_action(self._file.write(values))
        return entry

    def plan_folder(self, folder: bytes) -> None:
        """Note a folder; ``sync`` comes before it may be made."""
        self._folders.append(self._file.write({"folder": _text(folder)}))

    def sync(self) -> None:
        """Wait until the journal is on the disk."""
        self._file.sync()

    def done(self, entry: Entry, stamp: Stamp) -> None:
        """Note that an action happened, and size and time of what is at its place now."""
        self._states[entry.number] = State.DONE
        self._ends[entry.number] = self._file.write({"done": entry.number} | _stamped(stamp))

    def dropped(self, entry: Entry) -> None:
        """Note that an action did not happen, or was undone."""
        self._states[entry.number] = State.DROPPED
        self._undoing.discard(entry.number)
        self._file.write({"dropped": entry.number})

    def undoing(self, entry: Entry) -> None:
        """Note that the undoing of an action begins."""
        self._undoing.add(entry.number)
        self._file.write({"undoing": entry.number})

    def was_undoing(self, entry: Entry) -> bool:
        """Return whether the undoing of an action began."""
        return entry.number in self._undoing

    def state(self, number: int) -> State:
        """Return the state of an action."""
        return State(self._states[number])

    def entry(self, number: int) -> Entry:
        """Return an action."""
        values = self._file.at(self._places[number])
        return Entry(
            number,
            Action(values["do"]),
            unescape_path(values["from"]),
            unescape_path(values["to"]),
            (values["size"], values["time"]),
        )

    def result(self, number: int) -> Stamp:
        """Return size and time of what a done action left at its place."""
        values = self._file.at(self._ends[number])
        return values["size"], values["time"]

    def folders(self) -> Iterator[bytes]:
        """Yield the folders that runs made, last first."""
        for place in reversed(self._folders):
            yield unescape_path(self._file.at(place)["folder"])

    def remove(self) -> None:
        """Remove the journal; nothing is left to undo."""
        self._file.path.unlink()

    def _note_action(self, place: int) -> None:
        self._places.append(place)
        self._ends.append(0)
        self._states.append(State.PENDING)

    def _read(self) -> None:
        try:
            for values in self._file.read():
                place = self._file.size
                if not isinstance(values, dict) or not (place or "begin" in values):
                    raise ValueError("not a journal")
                self._take(values, place)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise InputError(
                f"{self._file.path}: not a journal of this version; choose another folder"
            ) from error

    def _take(self, values: Mapping[str, Any], place: int) -> None:
        kind = next(iter(values), "")
        number = values[kind]
        match kind:
            case "begin":
                self.made_folder |= values["made"]
            case "do":
                Action(number)
                self._note_action(place)
            case "folder":
                self._folders.append(place)
            case "done":
                self._states[number] = State.DONE
                self._ends[number] = place
            case "dropped":
                self._states[number] = State.DROPPED
                self._undoing.discard(number)
            case "undoing":
                self._undoing.add(number)
            case _:
                raise ValueError(kind)


def open_journal(folder: str, flags: int = 0) -> tuple[Journal, int]:
    """Open and lock the journal of a sorted folder; return its descriptor too, to be closed.

    Args:
        folder: sorted folder.
        flags: ``os.O_CREAT`` to begin one where there is none.

    Raises:
        InputError: there is none, or the file is something else.
        OutputError: it cannot be written, or another process uses it.
    """
    path = Path(folder) / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | flags | BINARY | NO_FOLLOW, 0o666)
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no journal ({NAME}), so there is nothing to undo") from (
            error
        )
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}") from error
    try:
        lock(descriptor, str(path))
        return Journal(descriptor, path), descriptor
    except BaseException:
        os.close(descriptor)
        raise


def _text(path: bytes) -> str:
    return escape_path(path.decode("utf-8", "surrogateescape"))


def _stamped(stamp: Stamp) -> dict[str, int]:
    return {"size": stamp[0], "time": stamp[1]}
