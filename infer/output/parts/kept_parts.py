"""Parts that an earlier run left: whether a run may go on with them, and what they hold."""

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...choices import Existing, RowFormat
from ...errors import InputError, OutputError
from ..reader import KeptRows
from ..stamps import Stamp, Stamps, fingerprint, stamp_records
from .folder import PartName, RowsFolder
from .manifest import Run, Totals, part_names, read_manifest, read_run
from .part import Part, PlacedRow, part_of, rows_of_part


@dataclass(frozen=True, slots=True)
class KeptParts:
    """Parts of a run that goes on.

    Attributes:
        parts: the parts.
        counts: counts of their rows.
        totals: the same, by status too.
        stamps: sizes and tags of their objects.
        doubled: marks that more than one row has, see ``mark``.
    """

    parts: Sequence[Part] = ()
    counts: KeptRows = field(default_factory=KeptRows)
    totals: Totals = field(default_factory=Totals)
    stamps: Stamps | None = None
    doubled: frozenset[int] = frozenset()

    def mark(self, row: PlacedRow) -> int:
        """Return a number that rows of one file have in common."""
        key = b"" if self.stamps is None else self.stamps.key
        return _mark(row, key)


def run_that_goes_on(
    folder: RowsFolder, existing: Existing, row_format: RowFormat
) -> tuple[Run, Sequence[PartName]] | None:
    """Return an unfinished run and its parts; ``None`` if a run begins anew.

    Args:
        folder: folder of rows.
        existing: policy for rows that are there.
        row_format: format of the rows to come.

    Raises:
        OutputError: rows are there that must stay as they are.
        InputError: the folder cannot be read.
    """
    names = list(folder.names())
    if existing is Existing.REPLACE:
        return None
    run, manifest = read_run(folder), read_manifest(folder)
    parts = [] if run is None else part_names(names, run)
    is_complete = manifest is not None and (run is None or manifest.run.name == run.name)
    if is_complete and existing is Existing.RESUME:
        raise OutputError(
            f"{folder.shown} cannot be resumed: it is complete; choose another folder, or replace "
            "it with --force"
        )
    if is_complete or (manifest is not None and not parts and existing is not Existing.RESUME):
        raise OutputError(
            f"{folder.shown} holds the rows of a scan; choose another folder, or replace them "
            "with --force"
        )
    if run is None or not parts:
        return None
    if existing is not Existing.RESUME:
        raise OutputError(
            f"{folder.shown} holds rows of a scan that did not end; continue it with --resume, "
            "choose another folder, or replace them with --force"
        )
    if run.row_format is not row_format:
        raise OutputError(
            f"{folder.shown} cannot be resumed: --format was {run.row_format} and is {row_format}"
        )
    return run, parts


def read_parts(folder: RowsFolder, run: Run, names: Sequence[PartName]) -> KeptParts:
    """Read the parts of a run, one at a time.

    Raises:
        InputError: a part cannot be read, or is damaged.
    """
    parts: list[Part] = []
    counts, totals, key = KeptRows(), Totals(), os.urandom(16)
    marks = array("Q")

    def stamped() -> Iterator[tuple[bytes, Stamp]]:
        for name in map(str, names):
            content = folder.read(name)
            if content is None:
                raise InputError(f"{folder.shown}: its part {name} has just been removed")
            rows = list(rows_of_part(name, content, run.row_format, run.columns))
            parts.append(part_of(name, content, rows))
            for row in rows:
                totals.add(row)
                counts.count(row.values)
                marks.append(_mark(row, key))
                if row.stamp is not None:
                    yield row.path, row.stamp

    stamps = Stamps(run.identity, key, stamp_records(key, stamped()))
    found, times = np.unique(np.array(marks, np.uint64), return_counts=True)
    return KeptParts(parts, counts, totals, stamps, frozenset(found[times > 1].tolist()))


def _mark(row: PlacedRow, key: bytes) -> int:
    # Web addresses without stamps can look alike and differ in what is hidden.
    place = b"" if row.stamp is not None else b"%d\0" % row.root
    return fingerprint(place + row.path, key)
