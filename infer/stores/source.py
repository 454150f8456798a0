"""Source of a scan that reads objects of stores as well as files of this machine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..files.source import LocalFiles
from ..files.walk import Found
from .found import Remote

if TYPE_CHECKING:
    pass

from .stores import Stores
from .walker import StoreWalker


@dataclass(frozen=True, slots=True)
class AnyFiles(LocalFiles):
    """Files and folders of this machine, and objects of stores.

    Attributes:
        stores: stores of the objects.
    """

    stores: Stores = field(default_factory=Stores)

    def find(self) -> Iterator[Found]:
        """Yield files in the order of the walk, and objects in the order of their keys.

        Raises:
            MissingExtraError: an object was named, and obstore is not installed.
        """
        return StoreWalker(self.roots, self.options, self.left_out, self.stores).found()

    def expect(self, found: Found) -> None:
        """Fetch an object that will be read soon."""
        if isinstance(found, Remote) and found.known is None and found.failure is None:
            self.stores.expect(found)

    def read(self, found: Found, max_bytes: int) -> bytes:
        """Return the bytes of a regular file or an object.

        Raises:
            ReadError: it is gone, unreadable, damaged on the way, or too large.
        """
        if isinstance(found, Remote):
            return self.stores.read(found, max_bytes)
        # A dataclass with slots is made anew, so ``super()`` without arguments finds the old one.
        return LocalFiles.read(self, found, max_bytes)

    def cancel(self) -> None:
        """End every wait for an object."""
        self.stores.cancel()
