"""``--files-from``: paths, one per line, or separated by NUL as ``find -print0`` writes them.

Lines may end with LF or CRLF, and a byte order mark of UTF-8 may stand in front, as Windows writes
them. Otherwise paths are taken unchanged, byte for byte.
"""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from ..errors import InputError
from ..system.descriptors import BINARY

STANDARD_INPUT = "-"

_BLOCK = 65_536
"""Size of one read in bytes, and of the longest path."""

_UTF_16_SAMPLE = 256


@contextmanager
def open_list(source: str) -> Iterator[Iterator[bytes]]:
    """Open a list of paths, and read it lazily, in constant memory; empty paths are skipped.

    The first NUL or line feed decides which of the two separates paths. A path is available as soon
    as its end has been read.

    Args:
        source: a path, or ``-`` for standard input.

    Raises:
        InputError: the list cannot be opened; or, while iterating, it cannot be read or is not a
            list.
    """
    if source == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("cannot read the list of files: standard input is closed")
        yield _paths(sys.stdin.fileno(), "standard input")
        return
    try:
        descriptor = os.open(source, os.O_RDONLY | BINARY)
    except (OSError, ValueError) as error:
        raise _cannot_read(source, error) from error
    try:
        yield _paths(descriptor, source)
    finally:
        os.close(descriptor)


def _paths(descriptor: int, source: str) -> Iterator[bytes]:
    blocks = _blocks(descriptor, source)
    rest = b""
    while not _has_end(rest) and len(rest) <= _BLOCK and (block := next(blocks, b"")):
        rest += block
    if _is_utf_16(rest):
        raise InputError(f"the list of files {source} is in UTF-16; save it as UTF-8")
    rest = rest.removeprefix(codecs.BOM_UTF8)
    separator, path_of = (b"\0", bytes) if b"\0" in rest else (b"\n", _line)
    for block in chain([b""], blocks):
        *complete, rest = (rest + block).split(separator)
        yield from filter(None, map(path_of, complete))
        if len(rest) > _BLOCK:
            raise InputError(f"{source}: not a list of paths; one is longer than {_BLOCK} bytes")
    yield from filter(None, [path_of(rest)])


def _has_end(beginning: bytes) -> bool:
    return b"\n" in beginning or b"\0" in beginning


def _line(line: bytes) -> bytes:
    """Return a line without the CR of Windows; a name that truly ends with one keeps it."""
    if not line.endswith(b"\r") or (b"\0" not in line and os.path.lexists(line)):
        return line
    return line[:-1]


def _is_utf_16(beginning: bytes) -> bool:
    """Return whether a list is UTF-16: by its mark, or because every other byte is NUL.

    A list of names of one byte each looks similar, but no name is a line feed.
    """
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    sample = beginning[: min(_UTF_16_SAMPLE, len(beginning) & ~1)]
    for even, odd in ((sample[::2], sample[1::2]), (sample[1::2], sample[::2])):
        if odd and not any(odd) and b"\0" not in even and (b"\n" in even or odd[:1] == sample[:1]):
            return True
    return False


def _blocks(descriptor: int, source: str) -> Iterator[bytes]:
    try:
        while block := os.read(descriptor, _BLOCK):
            yield block
    except OSError as error:
        raise _cannot_read(source, error) from error


def _cannot_read(source: str, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(f"cannot read the list of files {source}: {reason}")
