"""A locked file of JSON objects, one on each line, which only grows.

A torn last line is written over. Places of lines are their first bytes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import OutputError, failing_as
from ..system.descriptors import read_at
from ..system.durable import sync_file

_BLOCK = 1 << 20


class JsonLines:
    """Such a file.

    Args:
        descriptor: open for reading and writing.
        path: path of the file.

    Attributes:
        path: path of the file.
        size: bytes of the lines that were read or written, and place of the next.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self.path = path
        self.size = 0
        self._descriptor, self._failing = descriptor, f"cannot write to {path}"

    def read(self) -> Iterator[Any]:
        """Yield the values of the whole lines; ``size`` is the place of the latest.

        Raises:
            OutputError: the file cannot be read.
            ValueError, RecursionError: a line is not JSON.
        """
        place, rest = 0, b""
        with failing_as(OutputError, self._failing):
            while block := read_at(self._descriptor, _BLOCK, place):
                place += len(block)
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield json.loads(line)
                    self.size += len(line) + 1
            os.lseek(self._descriptor, self.size, os.SEEK_SET)

    def at(self, place: int) -> dict[str, Any]:
        """Return the values of the line at a place."""
        size = 1 << 10
        while b"\n" not in (text := read_at(self._descriptor, size, place)) and len(text) == size:
            size *= 4
        values: dict[str, Any] = json.loads(text.partition(b"\n")[0])
        return values

    def write(self, values: Mapping[str, object]) -> int:
        """Write a line and return its place.

        Raises:
            OutputError: it cannot be written.
        """
        place, line = self.size, json.dumps(values).encode() + b"\n"
        rest = memoryview(line)
        with failing_as(OutputError, self._failing):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self.size += len(line)
        return place

    def sync(self) -> None:
        """Wait until the lines are on the disk.

        Raises:
            OutputError: the disk failed.
        """
        with failing_as(OutputError, self._failing):
            sync_file(self._descriptor)
