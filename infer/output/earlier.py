"""Rows of earlier runs: those that ``--update`` takes over, and those that newer ones replace."""

import os
from array import array
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..choices import RowFormat
from ..errors import OutputError
from ..results import FileStatus, ScanRow
from ..system.descriptors import BINARY, read_at
from .reader import KeptRows, kept_rows, lines_of_rows, placed_rows
from .rows import Columns, decode_row, unescape_path
from .run_identity import RunIdentity
from .stamps import Fingerprints, Stamp, Stamps, StampWriter, fingerprint, read_stamps

_PATH, _STATUS = 0, 1


class EarlierRows:
    """Sound rows, found by path; about forty bytes of memory for each.

    Args:
        descriptor: descriptor of the file of rows; it stays open until ``close``.
        path: path of the file in messages.
        row_format: format of the file.
        columns: columns of its rows.
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
        row_format: format of the output.
        columns: columns of its rows.
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
    try:
        descriptor = os.open(path, os.O_RDONLY | BINARY)
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error
    try:
        return EarlierRows(descriptor, path, row_format, columns, stamps), ""
    except BaseException:
        os.close(descriptor)
        raise


def replaced_rows(
    descriptor: int,
    rows: KeptRows,
    row_format: RowFormat,
    columns: Columns,
    stamps: StampWriter,
) -> npt.NDArray[np.uint64]:
    """Return the numbers of rows whose file has a newer row, in their order.

    Args:
        descriptor: descriptor of the file of rows.
        rows: place of the rows in it.
        row_format: format of the file.
        columns: columns of its rows.
        stamps: stamps of these rows; a file that was scanned again has two.

    Raises:
        OutputError: the file can no longer be read.
    """
    doubled = stamps.doubled()
    numbers, prints = array("Q"), array("Q")
    if len(doubled):
        lines = placed_rows(descriptor, rows.start, rows.size, row_format, columns)
        for number, (_, _, values) in enumerate(lines):
            value = np.uint64(fingerprint(unescape_path(values[_PATH]), stamps.key))
            place = int(doubled.searchsorted(value))
            if place < len(doubled) and doubled[place] == value:
                numbers.append(number)
                prints.append(int(value))
    found = np.array(prints, np.uint64)
    order = found.argsort(kind="stable")
    is_older = found[order][1:] == found[order][:-1]
    return np.sort(np.array(numbers, np.uint64)[order[:-1][is_older]])


def write_without(
    descriptor: int,
    rows: KeptRows,
    row_format: RowFormat,
    columns: Columns,
    numbers: npt.NDArray[np.uint64],
    file: BinaryIO,
) -> tuple[KeptRows, KeptRows]:
    """Copy a file of rows without some of them; return the counts of those and of the others.

    Args:
        descriptor: descriptor of the file of rows.
        rows: place of the rows in it.
        row_format: format of the file.
        columns: columns of its rows.
        numbers: numbers of the rows that are left out, in their order.
        file: takes the copy.

    Raises:
        OutputError: the file can no longer be read.
    """
    dropped, rest = KeptRows(), KeptRows(rows.start)
    left_out = iter(numbers.tolist())
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
