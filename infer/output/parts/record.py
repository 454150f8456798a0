"""Record beside the rows of one shard: the settings of its scan, and the root of each row.

``NAME.shard`` stays when ``NAME`` is finished, because ``merge`` needs both. It begins with one
line of JSON, the identity of the run. An entry for each row follows, in the order of the rows: the
number of the root that led to the file, and a fingerprint of its path. Paths alone do not tell the
root, because folders can overlap, and a list of files has any order.

An entry is written before its row, and is never removed. So after a kill at any place each row has
its entry, and those without a row are skipped: entries and rows that differ cannot be mixed up. The
last entry of a finished shard has the size of its rows, so ``merge`` knows a file that was cut.
"""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import InputError, OutputError
from ..beside.records import LARGEST_HEAD, BesideWriter, open_to_read, remove_if_there
from ..run_identity import RunIdentity
from ..stamps import fingerprint

SHARD_SUFFIX = ".shard"

_ENTRY = np.dtype([("root", "<u4"), ("path", "<u8")])
_PACKED = "<IQ"
_BLOCK = 1 << 12
"""Entries that are read at a time."""

_END = 0xFFFFFFFF
"""Root of the last entry, which has the size of the file of rows in place of a fingerprint."""


def record_path(rows: str) -> str:
    """Return the path of the record beside a file of rows."""
    return f"{rows}{SHARD_SUFFIX}"


def remove_record(rows: str) -> None:
    """Remove the record of a file of rows that is no shard."""
    remove_if_there(record_path(rows))


def has_record(rows: str) -> bool:
    """Return whether a record lies beside a file of rows."""
    return Path(record_path(rows)).is_file()


class Roots:
    """Roots of the rows of a file, which are asked for in the order of the rows.

    Args:
        rows: path of the file of rows.
        passed: number of entries of the record to leave out.

    Attributes:
        passed: number of entries up to that of the last row.
    """

    def __init__(self, rows: str, passed: int = 0) -> None:
        self.passed = passed
        self._entries = _entries(record_path(rows), passed)

    def next_of(self, path: bytes) -> int | None:
        """Return the root of the next row, which has a path; ``None`` if it has no entry.

        Raises:
            OSError: the record cannot be read.
        """
        known = fingerprint(path)
        for root, value in self._entries:
            self.passed += 1
            if value == known:
                return root
        return None


class RecordWriter(BesideWriter):
    """Writer of the record of a run.

    Args:
        rows: path of the file of rows.
        identity: identity of the run.
        goes_on: keep what an interrupted run wrote.

    Raises:
        OutputError: the record cannot be written, or that of the interrupted run is missing.
    """

    def __init__(self, rows: str, identity: RunIdentity, *, goes_on: bool) -> None:
        if goes_on and not has_record(rows):
            raise OutputError(
                f"{rows} cannot be resumed: there is no {record_path(rows)}; start anew with "
                "--force"
            )
        head = None if goes_on else identity.to_json().encode()
        super().__init__(rows, SHARD_SUFFIX, head, lambda size: size - size % _ENTRY.itemsize)

    def add(self, root: int, path: bytes) -> None:
        """Write the root and the path of the next row.

        Raises:
            OutputError: they cannot be written.
        """
        self._write(struct.pack(_PACKED, root, fingerprint(path)))
        # A kill must not leave a row without its root.
        self._flush()

    def end(self, size: int) -> None:
        """Write the last entry.

        Args:
            size: bytes of the file of rows.

        Raises:
            OutputError: it cannot be written.
        """
        self._write(struct.pack(_PACKED, _END, size))


def read_record(rows: str) -> tuple[RunIdentity, int]:
    """Return the identity of a finished shard's run, and the size of its rows in bytes.

    Raises:
        InputError: there is no record, or it cannot be read.
    """
    path = record_path(rows)
    try:
        with open_to_read(path) as file:
            head = file.readline(LARGEST_HEAD)
            values = json.loads(head)
            entries = (file.seek(0, os.SEEK_END) - len(head)) // _ENTRY.itemsize
            file.seek(len(head) + max(0, entries - 1) * _ENTRY.itemsize)
            end, size = struct.unpack(_PACKED, file.read(_ENTRY.itemsize))
    except FileNotFoundError as error:
        raise InputError(
            f"{rows}: not a part of a scan with --shard (there is no {path}); name outputs of one"
        ) from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError, struct.error) as error:
        raise InputError(f"{path} is damaged; scan this shard again with --force") from error
    return RunIdentity(dict(values)), size if end == _END else -1


def _entries(path: str, passed: int) -> Iterator[tuple[int, int]]:
    with open_to_read(path) as file:
        file.readline(LARGEST_HEAD)
        file.seek(passed * _ENTRY.itemsize, os.SEEK_CUR)
        while block := file.read(_BLOCK * _ENTRY.itemsize):
            yield from np.frombuffer(block, _ENTRY, len(block) // _ENTRY.itemsize).tolist()
