"""``--files-from``: paths, one to a line, or separated by NUL as ``find -print0`` writes them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from ..errors import InputError

STANDARD_INPUT = "-"

_BLOCK = 65_536
"""Bytes read at once, and the longest path. A list without a NUL in its first block is lines."""


@contextmanager
def open_list(source: str) -> Iterator[Iterator[bytes]]:
    """Open a list of paths, and read it lazily, in constant memory.

    Paths are taken as they are, byte for byte; empty ones are skipped.

    Args:
        source: a path, or ``-`` for standard input.

    Raises:
        InputError: it cannot be opened; or, while iterating, it cannot be read or is no list.
    """
    if source == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("cannot read the list of files: standard input is closed")
        yield _paths(sys.stdin.fileno(), "standard input")
        return
    try:
        descriptor = os.open(source, os.O_RDONLY)
    except (OSError, ValueError) as error:
        raise _cannot_read(source, error) from error
    try:
        yield _paths(descriptor, source)
    finally:
        os.close(descriptor)


def _paths(descriptor: int, source: str) -> Iterator[bytes]:
    blocks = _blocks(descriptor, source)
    rest = b""
    while len(rest) < _BLOCK and b"\0" not in rest and (block := next(blocks, b"")):
        rest += block
    separator = b"\0" if b"\0" in rest else b"\n"
    for block in chain([b""], blocks):
        *complete, rest = (rest + block).split(separator)
        yield from filter(None, complete)
        if len(rest) > _BLOCK:
            raise InputError(f"{source} is no list of paths: one is longer than {_BLOCK} bytes")
    if rest:
        yield rest


def _blocks(descriptor: int, source: str) -> Iterator[bytes]:
    try:
        while block := os.read(descriptor, _BLOCK):
            yield block
    except OSError as error:
        raise _cannot_read(source, error) from error


def _cannot_read(source: str, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(f"cannot read the list of files {source}: {reason}")
