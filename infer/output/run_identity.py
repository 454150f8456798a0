"""Identity of an unfinished run for ``--resume``: a small file next to the rows.

A CSV file has no room for more than its columns. So the settings that decide the rows (model,
thresholds, limits, roots) are in ``NAME.resume`` while ``NAME`` is unfinished, as one JSON object.
It is on the disk before the first row, and is removed after the last. A file of rows with a
``.resume`` is unfinished, one without is complete.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import OutputError, failing_as
from ..system.descriptors import BINARY, NO_FOLLOW, NO_WAIT
from ..system.durable import sync_file, sync_folder_of
from .beside.records import LARGEST_HEAD, open_to_read, remove_if_there

STATE_SUFFIX = ".resume"

_LONGEST_SHOWN = 100

WHICH_FILES = frozenset(
    {"paths", "a list of files", "--include", "--exclude", "--follow-links", "--any-name"}
) | {"--system-files", "--shard"}
"""Names of the values that decide which files are scanned, and not what their rows say."""

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Settings that decide the rows of a run, besides the pictures.

    Attributes:
        values: JSON values by their names in messages. Two runs with equal values write equal rows
            for the same pictures.
    """

    values: Mapping[str, Json]

    def to_json(self) -> str:
        """Return one sorted line; equal identities are equal texts."""
        return json.dumps(dict(self.values), sort_keys=True) + "\n"

    def difference(self, other: "RunIdentity") -> str:
        """Return the first difference, for people; empty if there is none."""
        was, now = (dict(_flat(dict(run.values))) for run in (self, other))
        for name in sorted({*was, *now}):
            if was.get(name, "null") != now.get(name, "null"):
                return f"{name} was {was.get(name, 'null')} and is {now.get(name, 'null')}"
        return ""

    def check_resumed(self, path: str, other: "RunIdentity") -> None:
        """Refuse to resume this run with other settings.

        Args:
            path: path or address of its rows.
            other: the run that would go on.

        Raises:
            OutputError: a setting differs.
        """
        if difference := self.difference(other):
            raise OutputError(
                f"{path} cannot be resumed: {difference}; repeat the options of its scan, or start "
                "anew with --force"
            )

    def difference_in_judging(self, other: "RunIdentity") -> str:
        """Return what differs first beside the choice of files, for people; empty for nothing."""
        was, now = (RunIdentity(_without(run.values, WHICH_FILES)) for run in (self, other))
        return was.difference(now)


def _without(values: Mapping[str, Json], names: frozenset[str]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if name not in names}


def state_path(rows: str) -> str:
    """Return the path of the identity of an unfinished file of rows."""
    return f"{rows}{STATE_SUFFIX}"


def read_identity(rows: str) -> RunIdentity | None:
    """Return the identity of a file of rows; ``None`` if it has none, or an invalid one.

    Raises:
        OutputError: the identity cannot be read.
    """
    path = state_path(rows)
    with failing_as(OutputError, f"cannot read {path}"):
        try:
            with open_to_read(path) as file:
                values = json.loads(file.read(LARGEST_HEAD))
        except (FileNotFoundError, ValueError, RecursionError):
            return None
    return RunIdentity(values) if isinstance(values, dict) else None


def write_identity(rows: str, identity: RunIdentity) -> None:
    """Write the run's identity next to the output file, and sync it to the disk.

    Raises:
        OutputError: the identity cannot be written.
    """
    path = state_path(rows)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY | NO_FOLLOW | NO_WAIT
    with (
        failing_as(OutputError, f"cannot write to {path}"),
        os.fdopen(os.open(path, flags, 0o666), "wb") as file,
    ):
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OutputError(f"cannot write to {path}: not a regular file; remove it")
        file.write(identity.to_json().encode())
        file.flush()
        sync_file(file.fileno())
    sync_folder_of(path)


def remove_identity(rows: str) -> None:
    """Remove the identity of a file of rows that is complete or gone, if there is one."""
    remove_if_there(state_path(rows))


def _flat(values: dict[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return names and short texts of all values, those of inner objects too."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}: ")
        else:
            text = json.dumps(value)
            yield f"{prefix}{name}", text if len(text) <= _LONGEST_SHOWN else _digest(text)


def _digest(text: str) -> str:
    """Return the beginning of a long text, with a digest that identifies it."""
    return f"{text[:_LONGEST_SHOWN]}… ({hashlib.sha256(text.encode()).hexdigest()[:8]})"
