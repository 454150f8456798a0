"""Opening and reading by descriptor on systems without a part of POSIX, such as Windows."""

import os
import sys
from importlib import import_module

BINARY = getattr(os, "O_BINARY", 0)
"""Flag against the change of line ends on Windows."""
DIRECTORY = getattr(os, "O_DIRECTORY", 0)
NO_CONTROL = getattr(os, "O_NOCTTY", 0)
"""Flag that keeps a terminal from becoming this process's own."""
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""Flag that opens a named pipe without waiting for its other end."""


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Return bytes from a place in a file, without moving its position.

    Raises:
        OSError: the file cannot be read.
    """
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, offset, os.SEEK_SET)
    try:
        return os.read(descriptor, size)
    finally:
        os.lseek(descriptor, position, os.SEEK_SET)


def make_binary(descriptor: int) -> None:
    """Let no line end change on the way out, on systems that would change it."""
    if sys.platform == "win32":
        import_module("msvcrt").setmode(descriptor, BINARY)


def make_blocking(descriptor: int) -> None:
    """Let writes wait for the reader of a pipe, on systems that can."""
    if hasattr(os, "set_blocking"):
        os.set_blocking(descriptor, True)
