"""Record beside the rows of one shard: the settings of its scan, and the root of each row.

``NAME.shard`` stays when ``NAME`` is finished, because ``merge`` needs both. It begins with one
line of JSON, the identity of the run. Four bytes for each row follow, in the order of the rows: the
number of the root that led to the file. Paths alone do not tell it, because folders can overlap,
and a list of files has any order. A row's root is written before the row, so each row has one.
"""

import json
import os
import sys
from array import array
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ..beside import LARGEST_HEAD, BesideWriter, open_to_read, remove_if_there
from ..run_identity import RunIdentity

SHARD_SUFFIX = ".shard"

_ROOT_BYTES = 4
_BLOCK = 1 << 16


def record_path(rows: str) -> str:
    """Return the path of the record beside a file of rows."""
    return f"{rows}{SHARD_SUFFIX}"


def remove_record(rows: str) -> None:
    """Remove the record of a file of rows that is no shard."""
    remove_if_there(record_path(rows))


def recorded_rows(rows: str) -> int | None:
    """Return the number of rows that a record covers; ``None`` if there is no record."""
    try:
        with open_to_read(record_path(rows)) as file:
            head = len(file.readline(LARGEST_HEAD))
            return (file.seek(0, os.SEEK_END) - head) // _ROOT_BYTES
    except OSError:
        return None


class RecordWriter(BesideWriter):
    """Writer of the record of a run.

    Args:
        rows: path of the file of rows.
        identity: identity of the run.
        kept: number of rows of an earlier run that stay.

    Raises:
        OutputError: the record cannot be written.
    """

    def __init__(self, rows: str, identity: RunIdentity, kept: int) -> None:
        head = None if kept else identity.to_json().encode()
        super().__init__(rows, SHARD_SUFFIX, head, lambda _size: kept * _ROOT_BYTES)

    def add(self, root: int) -> None:
        """Write the root of the next row.

        Raises:
            OutputError: it cannot be written.
        """
        self._write(root.to_bytes(_ROOT_BYTES, "little"))
        # A kill must not leave a row without its root.
        self._flush()

    def drop(self, numbers: npt.NDArray[np.uint64]) -> None:
        """Remove the roots of rows, by the rows' numbers.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._file.seek(0)
            start = len(self._file.readline(LARGEST_HEAD))
            roots = np.delete(np.frombuffer(self._file.read(), "<u4"), numbers)
            self._file.seek(start)
            self._file.write(roots.tobytes())
            self._file.truncate()
        except OSError as error:
            raise self._failure(error) from error


def read_record(rows: str) -> tuple[RunIdentity, Iterator[int]]:
    """Return the identity of a finished shard's run, and the roots of its rows, read lazily.

    Raises:
        InputError: there is no record, or it cannot be read.
    """
    path = record_path(rows)
    try:
        with open_to_read(path) as file:
            head = file.readline(LARGEST_HEAD)
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
    with open_to_read(path) as file:
        file.seek(start)
        while block := file.read(_BLOCK):
            roots = array("I", block[: len(block) // _ROOT_BYTES * _ROOT_BYTES])
            if sys.byteorder == "big":
                roots.byteswap()
            yield from roots
