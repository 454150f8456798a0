"""Rows in a store: a prefix of a bucket as a folder of rows in parts."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import InputError, OutputError
from ..files.read import ReadError
from ..output.parts.folder import LocalFolder, RowsFolder, taken
from ..results import is_address
from .addresses import Address, parsed
from .opening import open_client
from .options import StoreOptions

if TYPE_CHECKING:
    from .requests.client import Client

_LARGEST = 1 << 32
"""Bytes of the largest file that is read; no part comes near."""


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """Prefix of a store.

    Attributes:
        address: address of the prefix, with a slash at the end, or of the whole bucket.
        client: way to the store.
    """

    address: Address
    client: "Client"

    @property
    def shown(self) -> str:
        """Address for messages."""
        return str(self.address)

    def put(self, name: str, content: bytes) -> None:
        """Write an object in one request; it replaces one of that name.

        Raises:
            OutputError: the store refuses, or does not answer until the deadline.
        """
        try:
            self.client.put(self._at(name), content)
        except ReadError as error:
            raise self._refused(error) from None

    def create(self, name: str, content: bytes) -> None:
        """Write a new object in one request; an equal one of that name is left as it is.

        Raises:
            OutputError: the store refuses or does not answer, or another object has that name.
        """
        try:
            # An answer that was lost on the way makes the repeated request find its own object.
            if not self.client.create(self._at(name), content) and self.read(name) != content:
                raise taken(self.shown, name)
        except ReadError as error:
            raise self._refused(error) from None

    def names(self) -> Iterator[str]:
        """Yield the names of the objects, in their order, a page at a time.

        Raises:
            InputError: the store refuses or does not answer.
        """
        start = len(self.address.key)
        try:
            for page in self.client.pages(self.address):
                names = (entry["path"][start:] for entry in page)
                yield from (name for name in names if "/" not in name)
        except ReadError as error:
            raise InputError(f"{self.shown}: {error.reason}") from None

    def read(self, name: str) -> bytes | None:
        """Return the content of an object; ``None`` if there is none.

        Raises:
            InputError: the store refuses or does not answer.
        """
        try:
            return self.client.content(self._at(name), _LARGEST)
        except ReadError as error:
            raise InputError(f"{self._at(name)}: {error.reason}") from None

    def remove(self, name: str) -> None:
        """Remove an object, if it is there.

        Raises:
            OutputError: the store refuses or does not answer.
        """
        try:
            self.client.remove(self._at(name))
        except ReadError as error:
            raise self._refused(error) from None

    def _at(self, name: str) -> Address:
        return replace(self.address, key=f"{self.address.key}{name}")

    def _refused(self, error: ReadError) -> OutputError:
        return OutputError(f"cannot write to {self.shown}: {error.reason}")


def rows_folder(out: str, options: StoreOptions, deadline_s: float) -> RowsFolder:
    """Return the folder that ``--out`` names: a prefix of a store, or a folder of this machine.

    Args:
        out: address or path.
        options: options of the store.
        deadline_s: seconds until a request is given up, with all its retries.

    Raises:
        InputError: the address has no bucket.
        OutputError: a web server was named.
        MissingExtraError: obstore is not installed.
    """
    if not is_address(os.fsencode(out)):
        return LocalFolder(out)
    address = parsed(os.fsencode(out))
    if not address.scheme.has_listing:
        raise OutputError(
            f"cannot write to {address}: a web server takes no rows; name s3://, gs:// or az://"
        )
    key = address.key.rstrip("/")
    client = open_client(options, deadline_s)
    return StoreFolder(replace(address, key=f"{key}/" if key else ""), client)
