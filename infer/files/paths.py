"""Paths: as text in a row, and those longer than a system call takes.

A system call takes 4,095 bytes on Linux, 1,023 on macOS. Longer trees exist. A program that changes
into each folder in turn can make them; one that copies whole paths cannot read them.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ..system.descriptors import DIRECTORY

_SAFE_LENGTH = 1000
"""Bytes of a path that every system accepts."""

_PASS = getattr(os, "O_PATH", os.O_RDONLY)
"""Flags that suffice to pass through a folder that may not be listed, if the system has them."""


def reachable(path: bytes) -> AbstractContextManager[tuple[bytes, int | None]]:
    """Return a name for the path, and the descriptor of the folder to which it is relative.

    Both are for system calls with a ``dir_fd``. Short paths stay unchanged, with ``None``, and so
    do all paths on systems without such calls.

    Raises:
        OSError: a folder on the way cannot be passed.
    """
    if len(path) <= _SAFE_LENGTH or os.open not in os.supports_dir_fd:
        return nullcontext((path, None))
    return _in_steps(path)


@contextmanager
def _in_steps(path: bytes) -> Iterator[tuple[bytes, int | None]]:
    folder = None
    try:
        while len(path) > _SAFE_LENGTH:
            step, path = _split(path)
            deeper = os.open(step, _PASS | DIRECTORY, dir_fd=folder)
            if folder is not None:
                os.close(folder)
            folder = deeper
        yield path, folder
    finally:
        if folder is not None:
            os.close(folder)


def stat_path(path: bytes) -> os.stat_result:
    """Return the status of a path of any length, like ``os.stat``."""
    with reachable(path) as (name, folder):
        return os.stat(name, dir_fd=folder)


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Return the longest safe beginning of whole components, and the rest."""
    cut = path.rfind(b"/", 1, _SAFE_LENGTH)
    if cut == -1:
        # A component longer than any name; the system call reports it.
        cut = path.find(b"/", 1)
    if cut == -1:
        return path, b"."
    return path[:cut], path[cut:].lstrip(b"/") or b"."


def path_text(path: bytes) -> str:
    """Return a path as rows show it in any locale: UTF-8, other bytes as surrogate escapes."""
    return path.decode("utf-8", "surrogateescape")
