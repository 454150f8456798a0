"""What ``--resume`` must know of the run that it continues: a small file beside the rows.

A CSV file has no room for more than its columns. So what decides about the rows (model, thresholds,
limits, what was scanned) lies in ``NAME.resume`` while ``NAME`` is unfinished, as one JSON object.
It is on the disk before the first row, and goes away when the last row is there: a file of rows
with a ``.resume`` beside it is unfinished, one without is complete.
"""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError
from ..system.descriptors import BINARY, NO_FOLLOW, NO_WAIT
from ..system.durable import sync_file, sync_folder_of

STATE_SUFFIX = ".resume"

_LARGEST = 1 << 24
"""Bytes that are read of a state file; a longer one is not ours."""

_LONGEST_SHOWN = 100

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Everything but the pictures that decides about the rows of a run.

    Attributes:
        values: JSON values by the names that messages use. Two runs write the same rows for the
            same pictures where these are equal.
    """

    values: Mapping[str, Json]

    def to_json(self) -> str:
        """One line, sorted, so that equal identities are equal texts."""
        return json.dumps(dict(self.values), sort_keys=True) + "\n"

    def difference(self, other: "RunIdentity") -> str:
        """What differs first, for people; empty where nothing does."""
        was, now = (dict(_flat(dict(run.values))) for run in (self, other))
        for name in sorted({*was, *now}):
            if was.get(name, "null") != now.get(name, "null"):
                return f"{name} was {was.get(name, 'null')} and is {now.get(name, 'null')}"
        return ""


def state_path(rows: str) -> str:
    """Where the identity of an unfinished file of rows lies."""
    return f"{rows}{STATE_SUFFIX}"


def read_identity(rows: str) -> RunIdentity | None:
    """The identity beside a file of rows; ``None`` where there is none, or none of ours.

    Raises:
        OutputError: it cannot be read.
    """
    path = state_path(rows)
    try:
        descriptor = os.open(path, os.O_RDONLY | BINARY | NO_FOLLOW | NO_WAIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "rb") as file:
            values = json.loads(file.read(_LARGEST))
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError):
        return None
    return RunIdentity(values) if isinstance(values, dict) else None


def write_identity(rows: str, identity: RunIdentity) -> None:
    """Lay the identity beside a file of rows, to stay there through a power cut.

    Raises:
        OutputError: it cannot be written.
    """
    path = state_path(rows)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY | NO_FOLLOW | NO_WAIT
    try:
        with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OutputError(f"cannot write to {path}: it is not a regular file")
            file.write(identity.to_json().encode())
            file.flush()
            sync_file(file.fileno())
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}") from error
    sync_folder_of(path)


def remove_identity(rows: str) -> None:
    """Say that a file of rows is complete, or gone; nothing is done where nothing lies there."""
    with contextlib.suppress(OSError):
        Path(state_path(rows)).unlink()


def _flat(values: dict[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and short texts of all values, those of inner objects too."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}: ")
        else:
            text = json.dumps(value)
            yield f"{prefix}{name}", text if len(text) <= _LONGEST_SHOWN else _digest(text)


def _digest(text: str) -> str:
    """A text that is too long to show: its beginning, and what tells it from others."""
    return f"{text[:_LONGEST_SHOWN]}… ({hashlib.sha256(text.encode()).hexdigest()[:8]})"
