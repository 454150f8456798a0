"""Descriptions in a folder of rows: ``run.json`` first, ``manifest.json`` last.

A folder is complete if both name the same run. With ``run.json`` alone, or with the manifest of an
older run, its scan has not ended. Until then, an older manifest and its parts stay as they are.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from ...choices import RowFormat
from ...errors import InputError
from ..rows import Columns, names_of
from ..run_identity import Json, RunIdentity
from .folder import MANIFEST, RUN, PartName, RowsFolder
from .part import Part, PlacedRow

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Run:
    """One run into a folder, which can have been resumed.

    Attributes:
        identity: settings that decide its rows.
        row_format: format of its parts.
        columns: columns of its rows.
        name: its name, in the names of its parts.
    """

    identity: RunIdentity
    row_format: RowFormat
    columns: Columns
    name: str = field(default_factory=lambda: os.urandom(4).hex())

    def to_json(self) -> dict[str, Json]:
        """Return the values for a file of JSON."""
        return {
            "run": self.name,
            "format": self.row_format.value,
            "columns": list(names_of(self.columns)),
            "identity": dict(self.identity.values),
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the run that ``to_json`` described.

        Raises:
            KeyError, TypeError, ValueError: the values are not those of a run of this version.
        """
        columns = {names_of(columns): columns for columns in Columns}[tuple(values["columns"])]
        identity = RunIdentity(dict(values["identity"]))
        return cls(identity, RowFormat(values["format"]), columns, str(values["run"]))


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of all rows; of two rows of one object, only the newer one counts.

    Attributes:
        statuses: number of rows with each status.
        verdicts: number of rows with each verdict; the empty text is for rows without one.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)

    def add(self, row: PlacedRow) -> None:
        """Count one row."""
        self.statuses[row.status] += 1
        self.verdicts[row.verdict] += 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """Description of all that is complete in a folder.

    Attributes:
        run: the run that completed it.
        totals: numbers of its rows.
        parts: its parts.
    """

    run: Run
    totals: Totals
    parts: Sequence[Part]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the manifest with these values.

        Raises:
            KeyError, TypeError, ValueError: they are not those of a manifest of this version.
        """
        statuses = Counter[str](values["statuses"])
        verdicts = Counter[str](values["verdicts"])
        verdicts[""] = values["rows"] - verdicts.total()
        parts = [Part.of(part) for part in values["parts"]]
        return cls(Run.of(values), Totals(statuses, +verdicts), parts)

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        statuses, verdicts = self.totals.statuses, self.totals.verdicts
        values: dict[str, Json] = {
            "complete": True,
            "rows": statuses.total(),
            "statuses": {name: statuses[name] for name in sorted(statuses) if statuses[name]},
            "verdicts": {
                name: verdicts[name] for name in sorted(verdicts) if name and verdicts[name]
            },
            **self.run.to_json(),
            "parts": [part.to_json() for part in self.parts],
        }
        return json.dumps(values, indent=1).encode() + b"\n"


def write_run(folder: RowsFolder, run: Run, *, replaces: bool) -> None:
    """Write the first file of a run.

    Args:
        folder: folder of rows.
        run: the run.
        replaces: true replaces the file of an older run.

    Raises:
        OutputError: it cannot be written, or another run has just begun there.
    """
    write = folder.put if replaces else folder.create
    write(RUN, json.dumps(run.to_json(), indent=1).encode() + b"\n")


def read_run(folder: RowsFolder) -> Run | None:
    """Return the run of a folder; ``None`` for a folder that has none.

    Raises:
        InputError: its file cannot be read, or is of another version.
    """
    return _read(folder, RUN, Run.of)


def read_manifest(folder: RowsFolder) -> Manifest | None:
    """Return what is complete in a folder; ``None`` if nothing is.

    Raises:
        InputError: the file cannot be read, or is of another version.
    """
    return _read(folder, MANIFEST, Manifest.of)


def part_names(names: Iterable[str], run: Run) -> list[PartName]:
    """Return the parts of a run among the files of a folder, oldest first."""
    parts = (PartName.of(name) for name in names)
    return sorted(part for part in parts if part is not None and part.run == run.name)


def _read(folder: RowsFolder, name: str, made: Callable[[Any], Made]) -> Made | None:
    content = folder.read(name)
    if content is None:
        return None
    try:
        return made(json.loads(content))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{folder.shown}: its {name} is damaged, or of another version") from error
