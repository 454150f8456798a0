"""Record beside the rows of one shard: the settings of its scan, and the root of each row.

``NAME.shard`` stays when ``NAME`` is finished, because ``merge`` needs both. It begins with one
line of JSON, the identity of the run. Four bytes for each row follow, in the order of the rows: the
number of the root that led to the file. Paths alone do not tell it, because folders can overlap,
and a list of files has any order. A row's root is written before the row, so each row has one.
"""

import contextlib
import json
import os
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError, OutputError
from ...system.descriptors import BINARY, NO_FOLLOW, NO_WAIT
from ...system.durable import sync_file
from ..run_identity import RunIdentity

SHARD_SUFFIX = ".shard"

_ROOT_BYTES = 4
_LARGEST_HEAD = 1 << 24
_BLOCK = 1 << 16


def record_path(rows: str) -> str:
    """Return the path of the record beside a file of rows."""
    return f"{rows}{SHARD_SUFFIX}"


def remove_record(rows: str) -> None:
    """Remove the record of a file of rows that is no shard."""
    with contextlib.suppress(OSError):
        Path(record_path(rows)).unlink()


def recorded_rows(rows: str) -> int | None:
    """Return the number of rows that a record covers; ``None`` if there is no record."""
    try:
        with Path(record_path(rows)).open("rb") as file:
            head = len(file.readline(_LARGEST_HEAD))
            return (file.seek(0, os.SEEK_END) - head) // _ROOT_BYTES
    except OSError:
        return None


class RecordWriter:
    """Writer of the record of a run.

    Args:
        rows: path of the file of rows.
        identity: identity of the run.
        kept: number of rows of an earlier run that stay.

    Raises:
        OutputError: the record cannot be written.
    """

    def __init__(self, rows: str, identity: RunIdentity, kept: int) -> None:
        self._path = record_path(rows)
        begin = 0 if kept else os.O_TRUNC
        flags = os.O_RDWR | os.O_CREAT | begin | BINARY | NO_FOLLOW | NO_WAIT
        try:
            # Unbuffered: a kill must not leave a row without its root.
            self._file = os.fdopen(os.open(self._path, flags, 0o666), "r+b", buffering=0)
            if kept:
                end = len(self._file.readline(_LARGEST_HEAD)) + kept * _ROOT_BYTES
                self._file.truncate(end)
                self._file.seek(end)
            else:
                self._file.write(identity.to_json().encode())
        except OSError as error:
            raise self._failure(error) from error

    def add(self, root: int) -> None:
        """Write the root of the next row.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._file.write(root.to_bytes(_ROOT_BYTES, "little"))
        except OSError as error:
            raise self._failure(error) from error

    def sync(self) -> None:
        """Sync the roots so far to the disk.

        Raises:
            OutputError: the disk failed.
        """
        try:
            sync_file(self._file.fileno())
        except OSError as error:
            raise self._failure(error) from error

    def complete(self, rows: str) -> None:
        """Move the record next to the finished file of rows.

        Raises:
            OutputError: it cannot be moved.
        """
        try:
            self._file.close()
            Path(self._path).replace(record_path(rows))
        except OSError as error:
            raise self._failure(error) from error

    def abandon(self) -> None:
        """Leave the roots so far for the next run."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write to {self._path}: {error.strerror or error}")


def read_record(rows: str) -> tuple[RunIdentity, Iterator[int]]:
    """Return the identity of a finished shard's run, and the roots of its rows, read lazily.

    Raises:
        InputError: there is no record, or it cannot be read.
    """
    path = record_path(rows)
    try:
        with Path(path).open("rb") as file:
            head = file.readline(_LARGEST_HEAD)
        values = json.loads(head)
    except FileNotFoundError as error:
        raise InputError(
            f"{rows}: not a part of a scan with --shard (there is no {path}); name outputs of one"
        ) from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged; scan this shard again with --force") from error
    return RunIdentity(dict(values)), _roots(path, len(head))


def _roots(path: str, start: int) -> Iterator[int]:
    with Path(path).open("rb") as file:
        file.seek(start)
        while block := file.read(_BLOCK):
            roots = array("I", block[: len(block) // _ROOT_BYTES * _ROOT_BYTES])
            if sys.byteorder == "big":
                roots.byteswap()
            yield from roots
