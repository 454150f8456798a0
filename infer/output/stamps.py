"""Size and time of each scanned file, which ``--update`` stores in ``NAME.update``.

A scan of objects stores their sizes and ETags there until it ends, for ``--resume``.

The file begins with one line of JSON: the identity of its run, and a key. A record of fixed size
follows for each row: a fingerprint of the path, and the file's size and time. Records are found by
path, not by position. A row without its record is harmless to an update: the file is scanned again.
A record is written before its row, so a kill can leave one without; it would vouch for an older row
of the file, so a resumed run leaves it out. When an update ends, its rows get their name first, so
an older record never vouches for a newer row of changed content.
"""

import json
import os
import struct
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from ..errors import OutputError, failing_as
from .beside.records import LARGEST_HEAD, BesideWriter, open_to_read, remove_if_there
from .run_identity import RunIdentity

STAMPS_SUFFIX = ".update"

Stamp = tuple[int, int]
"""Size in bytes, and time of the last change in nanoseconds."""

_RECORD = np.dtype([("path", "<u8"), ("size", "<i8"), ("time", "<i8")])
_PACKED = "<Qqq"


def stamp_records(key: bytes, stamped: Iterable[tuple[bytes, Stamp]]) -> npt.NDArray[np.void]:
    """Return records of files with their stamps, as ``Stamps`` takes them."""
    packed = bytearray()
    for path, stamp in stamped:
        packed += struct.pack(_PACKED, fingerprint(path, key), *stamp)
    return np.frombuffer(packed, _RECORD)


def stamps_path(rows: str) -> str:
    """Return the path of the stamps of a file of rows."""
    return f"{rows}{STAMPS_SUFFIX}"


def remove_stamps(rows: str) -> None:
    """Remove the stamps of a file of rows that a run without ``--update`` writes."""
    remove_if_there(stamps_path(rows))


class Fingerprints:
    """Positions of paths in a list, in sixteen bytes for each.

    Args:
        key: secret key; no file name can then be made to look like another.
        fingerprints: fingerprints of the paths, in the order of the list.
    """

    def __init__(self, key: bytes, fingerprints: npt.NDArray[np.uint64]) -> None:
        self._key = key
        self._order = fingerprints.argsort(kind="stable")
        self._sorted = fingerprints[self._order]

    def last(self, path: bytes) -> int | None:
        """Return the last position of a path; ``None`` if it is not in the list."""
        value = np.uint64(fingerprint(path, self._key))
        place = int(self._sorted.searchsorted(value, side="right")) - 1
        is_there = place >= 0 and self._sorted[place] == value
        return int(self._order[place]) if is_there else None


def fingerprint(path: bytes, key: bytes = b"") -> int:
    """Return eight bytes that represent a path."""
    return int.from_bytes(blake2b(path, digest_size=8, key=key).digest())


def fingerprints(paths: Iterable[bytes], key: bytes) -> npt.NDArray[np.uint64]:
    """Return the fingerprint of each path, in their order."""
    return np.fromiter((fingerprint(path, key) for path in paths), np.uint64)


class Stamps:
    """Stamps of an earlier run, in memory.

    Args:
        identity: identity of that run.
        key: key of its fingerprints.
        records: records of its files.
    """

    def __init__(self, identity: RunIdentity, key: bytes, records: npt.NDArray[np.void]) -> None:
        self.identity = identity
        self.key = key
        self._records = records
        self._places = Fingerprints(key, self.fingerprints)

    @property
    def fingerprints(self) -> npt.NDArray[np.uint64]:
        """Fingerprint of each record's path, in the order of the records."""
        return np.ascontiguousarray(self._records["path"])

    def find(self, path: bytes) -> Stamp | None:
        """Return the last stamp of a file; ``None`` if it has none."""
        place = self._places.last(path)
        if place is None:
            return None
        record = self._records[place]
        return int(record["size"]), int(record["time"])

    def written(self, rows: npt.NDArray[np.uint64]) -> "Stamps":
        """Return these stamps without the last ones, if their rows were not written.

        Args:
            rows: fingerprint of each row's path.
        """
        prints, rows = self.fingerprints, np.sort(rows)
        found, counts = np.unique(prints, return_counts=True)
        missing = counts - (rows.searchsorted(found, "right") - rows.searchsorted(found))
        left = dict(zip(found[missing > 0].tolist(), missing[missing > 0].tolist(), strict=True))
        count = len(prints)
        while count and left.get(last := int(prints[count - 1]), 0):
            left[last] -= 1
            count -= 1
        stay = self._records[:count].copy()
        # Nor do older stamps of these files vouch for the rows that they have.
        stay["size"][np.isin(prints[:count], prints[count:])] = -1
        return Stamps(self.identity, self.key, stay)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._records)


def read_stamps(rows: str) -> Stamps | None:
    """Return the stamps of a file of rows; ``None`` if it has none, or invalid ones.

    Raises:
        OutputError: the stamps cannot be read.
    """
    path = stamps_path(rows)
    with failing_as(OutputError, f"cannot read {path}"):
        try:
            with open_to_read(path) as file:
                head = json.loads(file.readline(LARGEST_HEAD))
                content = file.read()
            identity, key = RunIdentity(dict(head["identity"])), bytes.fromhex(head["key"])
        except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
            return None
    # A kill can leave a part of the last record.
    whole = len(content) // _RECORD.itemsize
    return Stamps(identity, key, np.frombuffer(content, _RECORD, whole))


class StampWriter(BesideWriter):
    """Writer of the stamps of a run.

    Args:
        rows: path of the file of rows.
        identity: identity of the run.
        kept: stamps of an interrupted run that stay; ``None`` begins anew.

    Attributes:
        kept: the same.

    Raises:
        OutputError: the stamps cannot be written.
    """

    def __init__(self, rows: str, identity: RunIdentity, kept: Stamps | None) -> None:
        self.kept = kept
        self.key = os.urandom(16) if kept is None else kept.key
        self._rows = rows
        size = 0 if kept is None else len(kept) * _RECORD.itemsize
        head = {"identity": dict(identity.values), "key": self.key.hex()}
        first = json.dumps(head).encode() + b"\n" if kept is None else None
        super().__init__(rows, STAMPS_SUFFIX, first, lambda _size: size)

    def add(self, path: bytes, stamp: Stamp) -> None:
        """Write the stamp of one file.

        Raises:
            OutputError: the stamp cannot be written.
        """
        self._write(struct.pack(_PACKED, fingerprint(path, self.key), *stamp))
        # A kill must not leave a row without its stamp.
        self._flush()

    def doubled(self) -> npt.NDArray[np.uint64]:
        """Return the fingerprints of files that were scanned again after a kept row, sorted.

        Raises:
            OutputError: the stamps cannot be read.
        """
        stamps = None if self.kept is None else read_stamps(self._rows)
        prints = np.empty(0, np.uint64) if stamps is None else stamps.fingerprints
        found, counts = np.unique(prints, return_counts=True)
        return found[counts > 1]
