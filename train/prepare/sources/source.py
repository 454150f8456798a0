"""Protocols of sources of labelled pictures."""

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
        key: name of the picture within its source, equal in every run.
        label: ``ai`` or ``real``.
        stem: name of the prepared file without folder and suffix; ASCII, unique within the class.
        source: its data set, folder or generator.
        group: common name of pictures with one origin; empty if unknown.
        read: returns the bytes of the original file. An ``OSError`` or ``ImageError`` means that
            this file cannot be read; a lost connection is an ``InputError``.
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
        """Identity of the input, for JSON; equal if a run may be resumed."""
        ...

    def index(self) -> Mapping[str, list[str]]:
        """Return the keys of each class (``ai``, ``real``), found without reading a picture."""
        ...

    def fetch(self, keys: Collection[str]) -> Iterator[Candidate]:
        """Return the pictures of these keys, in the order that is cheapest to read."""
        ...


@runtime_checkable
class BlockSource(PictureSource, Protocol):
    """A source that can also be read one block after the other, in any order of blocks."""

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        ...

    def read_block(self, block: int) -> Iterator[Candidate]:
        """Return all pictures of either class in one block, in their order."""
        ...


def reader_of(path: Path) -> Callable[[], bytes]:
    """Return a reader of a file as in a scan: regular files up to the usual size, without
    hanging."""
    return partial(read_file, os.fsencode(path), DEFAULT_LIMITS.max_bytes)
