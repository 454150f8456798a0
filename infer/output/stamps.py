"""Size and time of each scanned file, which ``--update`` stores in ``NAME.update``.

The file begins with one line of JSON: the identity of its run, and a key. A record of fixed size
follows for each row: a fingerprint of the path, and the file's size and time. Records are found by
path, not by position. So a record without its row, or a row without its record, is harmless: the
file is scanned again. When an update ends, its rows get their name first, so an older record never
vouches for a newer row of changed content.
"""

import contextlib
import json
import os
import secrets
import struct
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..system.descriptors import BINARY, NO_FOLLOW, NO_WAIT
from ..system.durable import sync_file
from .run_identity import RunIdentity

STAMPS_SUFFIX = ".update"

Stamp = tuple[int, int]
"""Size in bytes, and time of the last change in nanoseconds."""

_RECORD = np.dtype([("path", "<u8"), ("size", "<i8"), ("time", "<i8")])
_PACKED = "<Qqq"
_LARGEST_HEAD = 1 << 24


def stamps_path(rows: str) -> str:
    """Return the path of the stamps of a file of rows."""
    return f"{rows}{STAMPS_SUFFIX}"


def remove_stamps(rows: str) -> None:
    """Remove the stamps of a file of rows that a run without ``--update`` writes."""
    with contextlib.suppress(OSError):
        Path(stamps_path(rows)).unlink()


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


def fingerprint(path: bytes, key: bytes) -> int:
    """Return eight bytes that represent a path."""
    return int.from_bytes(blake2b(path, digest_size=8, key=key).digest())


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
        self._places = Fingerprints(key, np.ascontiguousarray(records["path"]))

    def find(self, path: bytes) -> Stamp | None:
        """Return the last stamp of a file; ``None`` if it has none."""
        place = self._places.last(path)
        if place is None:
            return None
        record = self._records[place]
        return int(record["size"]), int(record["time"])


def read_stamps(rows: str) -> Stamps | None:
    """Return the stamps of a file of rows; ``None`` if it has none, or invalid ones.

    Raises:
        OutputError: the stamps cannot be read.
    """
    path = stamps_path(rows)
    try:
        descriptor = os.open(path, os.O_RDONLY | BINARY | NO_FOLLOW | NO_WAIT)
        with os.fdopen(descriptor, "rb") as file:
            head = json.loads(file.readline(_LARGEST_HEAD))
            content = file.read()
        identity, key = RunIdentity(dict(head["identity"])), bytes.fromhex(head["key"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    # A kill can leave a part of the last record.
    whole = len(content) // _RECORD.itemsize
    return Stamps(identity, key, np.frombuffer(content, _RECORD, whole))


class StampWriter:
    """Writer of the stamps of a run.

    Args:
        rows: path of the file of rows.
        identity: identity of the run.
        goes_on: keep what an interrupted run wrote.

    Raises:
        OutputError: the stamps cannot be written.
    """

    def __init__(self, rows: str, identity: RunIdentity, *, goes_on: bool) -> None:
        self._path = stamps_path(rows)
        kept = read_stamps(rows) if goes_on else None
        self._key = secrets.token_bytes(16) if kept is None else kept.key
        begin = os.O_TRUNC if kept is None else 0
        flags = os.O_RDWR | os.O_CREAT | begin | BINARY | NO_FOLLOW | NO_WAIT
        try:
            self._file = os.fdopen(os.open(self._path, flags, 0o666), "r+b")
            if kept is None:
                head = {"identity": dict(identity.values), "key": self._key.hex()}
                self._file.write(json.dumps(head).encode() + b"\n")
                self._file.flush()
            else:
                head_size = len(self._file.readline(_LARGEST_HEAD))
                size = self._file.seek(0, os.SEEK_END)
                self._file.seek(size - (size - head_size) % _RECORD.itemsize)
                self._file.truncate()
        except OSError as error:
            raise self._failure(error) from error

    def add(self, path: bytes, stamp: Stamp) -> None:
        """Write the stamp of one file.

        Raises:
            OutputError: the stamp cannot be written.
        """
        try:
            self._file.write(struct.pack(_PACKED, fingerprint(path, self._key), *stamp))
        except OSError as error:
            raise self._failure(error) from error

    def complete(self, rows: str) -> None:
        """Move the stamps next to the finished file of rows.

        Raises:
            OutputError: the stamps cannot be written.
        """
        try:
            self._file.flush()
            sync_file(self._file.fileno())
            self._file.close()
            Path(self._path).replace(stamps_path(rows))
        except OSError as error:
            raise self._failure(error) from error

    def abandon(self) -> None:
        """Leave the stamps so far for the next run."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write to {self._path}: {error.strerror or error}")
