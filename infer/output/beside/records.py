"""A file beside the rows of a run, ``NAME.SUFFIX``: one line, then records of one size."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ...errors import OutputError, failing_as
from ...system.descriptors import BINARY, NO_FOLLOW, NO_WAIT
from ...system.durable import sync_file

LARGEST_HEAD = 1 << 24
"""Most bytes of the first line; a longer one comes from another program."""


def open_to_read(path: str) -> BinaryIO:
    """Open a file beside rows; a pipe in its place is never waited for.

    Raises:
        OSError: it cannot be opened.
    """
    return os.fdopen(os.open(path, os.O_RDONLY | BINARY | NO_FOLLOW | NO_WAIT), "rb")


def remove_if_there(path: str) -> None:
    """Remove a file beside rows, if there is one."""
    with contextlib.suppress(OSError):
        Path(path).unlink()


class BesideWriter:
    """Writer of such a file; when the rows get their final name, it follows.

    Args:
        rows: path of the file of rows.
        suffix: what follows it in the file's name.
        head: first line of a new file; ``None`` keeps that of an interrupted run.
        keeps: of a file that is kept, returns the bytes of records that stay, from those it has.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(
        self, rows: str, suffix: str, head: bytes | None, keeps: Callable[[int], int]
    ) -> None:
        self._suffix, self._path = suffix, f"{rows}{suffix}"
        self._failing = f"cannot write to {self._path}"
        begin = 0 if head is None else os.O_TRUNC
        flags = os.O_RDWR | os.O_CREAT | begin | BINARY | NO_FOLLOW | NO_WAIT
        with failing_as(OutputError, self._failing):
            self._file = os.fdopen(os.open(self._path, flags, 0o666), "r+b")
            if head is None:
                start = len(self._file.readline(LARGEST_HEAD))
                end = start + keeps(self._file.seek(0, os.SEEK_END) - start)
                self._file.truncate(end)
                self._file.seek(end)
            else:
                self._file.write(head)
                self._file.flush()

    def _write(self, record: bytes) -> None:
        with failing_as(OutputError, self._failing):
            self._file.write(record)

    def _flush(self) -> None:
        with failing_as(OutputError, self._failing):
            self._file.flush()

    def sync(self) -> None:
        """Sync the records so far to the disk.

        Raises:
            OutputError: the disk failed.
        """
        self._flush()
        with failing_as(OutputError, self._failing):
            sync_file(self._file.fileno())

    def complete(self, rows: str) -> None:
        """Move the file next to the finished file of rows.

        Raises:
            OutputError: it cannot be written or moved.
        """
        self.sync()
        with failing_as(OutputError, self._failing):
            self._file.close()
            Path(self._path).replace(f"{rows}{self._suffix}")

    def abandon(self) -> None:
        """Leave the records so far for the next run."""
        with contextlib.suppress(OSError):
            self._file.close()
