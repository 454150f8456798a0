"""Opening and reading by descriptor on systems that lack a part of POSIX, such as Windows."""

import os

BINARY = getattr(os, "O_BINARY", 0)
"""Without it, Windows changes line ends."""
DIRECTORY = getattr(os, "O_DIRECTORY", 0)
NO_CONTROL = getattr(os, "O_NOCTTY", 0)
"""Opening a terminal does not make it this process's own."""
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""Without it, opening a named pipe that nobody writes or reads waits for ever."""


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Return bytes from a place in a file, without moving its position.

    Raises:
        OSError: it cannot be read.
    """
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, offset, os.SEEK_SET)
    try:
        return os.read(descriptor, size)
    finally:
        os.lseek(descriptor, position, os.SEEK_SET)


def make_blocking(descriptor: int) -> None:
    """Have writes wait for whoever reads a pipe, where the system can say so."""
    if hasattr(os, "set_blocking"):
        os.set_blocking(descriptor, True)
