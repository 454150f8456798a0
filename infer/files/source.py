"""Sources of a scan: they find its files and read their bytes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ..results import FileStatus
from .left_out import LeftOut
from .options import WalkOptions
from .read import ReadError, read_file
from .walk import Found, walk


class Source(Protocol):
    """Files that a scan judges. ``read`` is called by many threads at once."""

    def find(self) -> Iterator[Found]:
        """Yield the files, lazily; a file known to be unreadable comes with its failure."""

    def expect(self, found: Found) -> None:
        """Note that a file will be read soon."""

    def read(self, found: Found, max_bytes: int) -> bytes:
        """Return the bytes of a file.

        Raises:
            ReadError: the file cannot be read, or is too large.
        """

    def cancel(self) -> None:
        """End every wait for a file, now and from now on."""


class _AtHand:
    """Part of a source whose files need no preparation, and whose readers never wait."""

    def expect(self, found: Found) -> None:
        """Do nothing."""

    def cancel(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class LocalFiles(_AtHand):
    """Files and folders of this machine.

    Attributes:
        roots: folders and files, see ``walk``; read lazily.
        options: options of the walk.
        left_out: takes the counts of files that the walk leaves out.
    """

    roots: Iterable[bytes] = ()
    options: WalkOptions = field(default_factory=WalkOptions)
    left_out: LeftOut | None = None

    def find(self) -> Iterator[Found]:
        """Yield the files in the order of the walk."""
        return walk(self.roots, self.options, self.left_out)

    def read(self, found: Found, max_bytes: int) -> bytes:
        """Return the bytes of a regular file.

        Raises:
            ReadError: the file is gone, unreadable, not a regular file, or too large.
        """
        return read_file(found.path, max_bytes)


LOCAL = LocalFiles()
"""Source that reads any path of this machine, and finds none."""


@dataclass(frozen=True, slots=True)
class Held(Found):
    """A file whose bytes are in memory already."""

    content: bytes = b""


@dataclass(frozen=True, slots=True)
class HeldFiles(_AtHand):
    """Files in memory.

    Attributes:
        items: name and bytes of each, read lazily.
    """

    items: Iterable[tuple[str, bytes]]

    def find(self) -> Iterator[Found]:
        """Yield the files in the order of the items."""
        for name, content in self.items:
            yield Held(name.encode("utf-8", "surrogateescape"), content=content)

    def read(self, found: Found, max_bytes: int) -> bytes:
        """Return the bytes of a file.

        Raises:
            ReadError: the file is too large.
        """
        content = found.content if isinstance(found, Held) else b""
        if len(content) > max_bytes:
            reason = f"{len(content)} bytes, limit {max_bytes}"
            raise ReadError(FileStatus.TOO_LARGE, reason, len(content))
        return content
