"""Rows of earlier runs: those that ``--update`` takes over, and those that newer ones replace."""

import os
from array import array
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from ..choices import Existing, RowFormat
from ..errors import OutputError, failing_as
from ..results import FileStatus, ScanRow
from ..system.descriptors import BINARY, read_at
from .destination import open_again, release
from .lines import lines_of_rows, placed_rows
from .reader import KeptRows, kept_rows
from .rows import Columns, decode_row, unescape_path
from .run_identity import RunIdentity
from .stamps import Fingerprints, Stamp, Stamps, StampWriter, fingerprint, read_stamps
from .whole_file import whole_file

_PATH, _STATUS = 0, 1


class EarlierRows:
    """Sound rows, found by path; about forty bytes of memory for each.

    Args:
        descriptor: descriptor of the file of rows; it stays open until ``close``.
        path: path of the file in messages.
        stamps: stamps of the files at the time of these rows.

    Raises:
        OutputError: the file cannot be read, or holds anything but rows of a scan.
    """

    def __init__(
        self, descriptor: int, path: str, row_format: RowFormat, columns: Columns, stamps: Stamps
    ) -> None:
        self._descriptor, self._format, self._columns = descriptor, row_format, columns
        self._stamps = stamps
        fingerprints, self._starts, self._sizes = array("Q"), array("Q"), array("L")
        kept = kept_rows(descriptor, path, row_format, columns)
        for start, size, values in placed_rows(
            descriptor, kept.start, kept.size, row_format, columns
        ):
            if values[_STATUS] == FileStatus.OK:
                fingerprints.append(fingerprint(unescape_path(values[_PATH]), stamps.key))
                self._starts.append(start)
                self._sizes.append(size)
        self._places = Fingerprints(stamps.key, np.array(fingerprints, np.uint64))

    def unchanged(self, path: bytes, stamp: Stamp) -> ScanRow | None:
        """Return the row of an unchanged file; ``None`` if it must be scanned.

        Raises:
            OutputError: the row can no longer be read.
        """
        place = self._places.last(path)
        if place is None or self._stamps.find(path) != stamp:
            return None
        start = self._starts[place]
        end = start + self._sizes[place]
        rows = placed_rows(self._descriptor, start, end, self._format, self._columns)
        values = next(rows, None)
        # Two paths can have one fingerprint.
        if values is None or unescape_path(values[2][_PATH]) != path:
            return None
        return decode_row(values[2])

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def earlier_rows(
    path: str, row_format: RowFormat, columns: Columns, identity: RunIdentity
) -> tuple[EarlierRows | None, str]:
    """Open the rows that an update can take over, or return the reason why there are none.

    Args:
        path: path of a finished output.
        identity: identity of the run that begins.

    Raises:
        OutputError: the file cannot be read, or holds anything but rows of a scan.
    """
    stamps = read_stamps(path)
    if stamps is None:
        return None, f"{path} was not written with --update"
    difference = stamps.identity.difference_in_judging(identity)
    if difference:
        return None, difference
    with failing_as(OutputError, f"cannot read {path}"):
        descriptor = os.open(path, os.O_RDONLY | BINARY)
    try:
        return EarlierRows(descriptor, path, row_format, columns, stamps), ""
    except BaseException:
        os.close(descriptor)
        raise


def rewritten(
    descriptor: int,
    path: str,
    rows: KeptRows,
    row_format: RowFormat,
    columns: Columns,
    stamps: StampWriter,
) -> tuple[KeptRows, KeptRows] | None:
    """Write a file anew without the rows whose file has a newer row.

    Args:
        descriptor: descriptor of the file of rows; it stands for the new one afterwards.
        path: path of the file.
        rows: place of the rows in it.
        stamps: stamps of these rows; a file that was scanned again has two.

    Returns:
        The counts of the rows that were left out, and of the others; ``None`` if all rows stay.

    Raises:
        OutputError: the file can no longer be read, or cannot be written.
    """
    doubled = set(stamps.doubled().tolist())
    if not doubled:
        return None
    form = row_format, columns
    latest, older = dict[int, int](), list[int]()
    for number, row in enumerate(placed_rows(descriptor, rows.start, rows.size, *form)):
        value = fingerprint(unescape_path(row[2][_PATH]), stamps.key)
        if value in doubled:
            if value in latest:
                older.append(latest[value])
            latest[value] = number
    if not older:
        return None
    with whole_file(path, Existing.REPLACE) as new, new.open("wb") as file:
        counts = _write_without(descriptor, rows, *form, sorted(older), file)
        release(descriptor)
    open_again(descriptor, path)
    return counts


def _write_without(
    descriptor: int,
    rows: KeptRows,
    row_format: RowFormat,
    columns: Columns,
    numbers: list[int],
    file: BinaryIO,
) -> tuple[KeptRows, KeptRows]:
    """Copy a file of rows without those of these numbers, which are in their order."""
    dropped, rest = KeptRows(), KeptRows(rows.start)
    left_out = iter(numbers)
    following = next(left_out, -1)
    file.write(read_at(descriptor, rows.start, 0))
    lines = lines_of_rows(descriptor, rows.start, rows.size, row_format, columns)
    for number, (line, values) in enumerate(lines):
        if number == following:
            dropped.count(values)
            following = next(left_out, -1)
        else:
            rest.count(values)
            file.write(line)
    return dropped, replace(rest, size=file.tell())
