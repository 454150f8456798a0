"""Entries of one folder, with any number of entries and any length of path."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ..system.descriptors import DIRECTORY
from .paths import reachable

DirEntry = os.DirEntry[bytes] | os.DirEntry[str]
"""Entry of a folder. Its name is bytes, but text if the folder was opened by descriptor."""

_LISTING_SIZE = 32_768
"""Names of one folder held at a time; a larger folder is listed once for each such part."""


@contextmanager
def listing(path: bytes) -> Iterator[Iterator[DirEntry]]:
    """Open a folder; its entries come in the order of the disk, and are valid while it is open.

    Raises:
        OSError: it cannot be opened; or, while iterating, it cannot be read.
    """
    with reachable(path) as (name, folder):
        if folder is None:
            with os.scandir(name) as entries:
                yield entries
            return
        descriptor = os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=folder)
        try:
            with os.scandir(descriptor) as entries:
                yield entries
        finally:
            os.close(descriptor)


def leads_to_folder(entry: DirEntry) -> bool:
    """Return whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        # A link that cannot be followed; the reader reports the reason.
        return False


def sorted_in_parts(
    list_entries: Callable[[], Iterable[tuple[bytes, bool]]], size: int = _LISTING_SIZE
) -> Iterator[tuple[bytes, bool]]:
    """Yield entries sorted by name, holding at most twice ``size`` of them.

    If there are more, ``list_entries`` is called again, once for each part. So a folder of millions
    of files is walked in constant memory. Names that change meanwhile come at most once.

    Args:
        list_entries: yields names and whether they are folders, in any order.
        size: number of entries in a part.
    """
    after = b""
    while True:
        kept: list[tuple[bytes, bool]] = []
        bound: bytes | None = None
        for entry in list_entries():
            if entry[0] > after and (bound is None or entry[0] < bound):
                kept.append(entry)
                if len(kept) == 2 * size:
                    kept.sort()
                    del kept[size:]
                    bound = kept[-1][0]
        kept.sort()
        yield from kept
        if bound is None:
            return
        after = kept[-1][0]
