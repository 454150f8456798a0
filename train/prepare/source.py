"""What data preparation asks of a source of labelled pictures."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from trustthepixels.infer.files.read import read_file
from trustthepixels.infer.images.limits import DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Candidate:
    """A labelled picture that may be taken into the prepared data set.

    Attributes:
        key: names the picture within its source, the same in every run.
        label: ``ai`` or ``real``.
        stem: name of the prepared file without folder and suffix; ASCII, unique within the class.
        source: the data set, folder or generator that it comes from.
        group: what it shares with pictures of the same origin; empty if nothing is known.
        read: gives the bytes of the original file. An ``OSError`` or ``ImageError`` means that this
            one cannot be read; a lost connection is an ``InputError``.
    """

    key: str
    label: str
    stem: str
    source: str
    group: str
    read: Callable[[], bytes]


class PictureSource(Protocol):
    """Labelled pictures that can be listed without reading them."""

    def identity(self) -> dict[str, object]:
        """What makes this input what it is, for JSON; equal when a run may be resumed."""
        ...

    def index(self) -> Mapping[str, list[str]]:
        """The keys of each class (``ai``, ``real``), found without reading a picture."""
        ...

    def fetch(self, keys: Collection[str]) -> Iterator[Candidate]:
        """The pictures of these keys, in the order that is cheapest to read."""
        ...


@runtime_checkable
class BlockSource(PictureSource, Protocol):
    """A source that can also be read one block after the other, in any order of blocks."""

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        ...

    def read_block(self, block: int) -> Iterator[Candidate]:
        """All pictures of either class in one block, in their order."""
        ...


def reader_of(path: Path) -> Callable[[], bytes]:
    """Reads a file as a scan does: regular files up to the usual size, so that nothing hangs."""
    return partial(read_file, os.fsencode(path), DEFAULT_LIMITS.max_bytes)
