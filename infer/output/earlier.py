"""Rows of a finished output that ``--update`` takes over."""

import os
from array import array

import numpy as np

from ..choices import RowFormat
from ..errors import OutputError
from ..results import FileStatus, ScanRow
from ..system.descriptors import BINARY
from .reader import kept_rows, placed_rows
from .rows import Columns, decode_row, unescape_path
from .run_identity import RunIdentity
from .stamps import Fingerprints, Stamp, Stamps, fingerprint, read_stamps

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
