"""Stores of one scan: one way to all of them, and what is fetched ahead."""

from typing import TYPE_CHECKING

from ..files.read import ReadError
from ..images.limits import DEFAULT_LIMITS, Limits
from ..results import FileStatus
from ..system.memory import DEFAULT_MEMORY
from .found import Remote
from .opening import open_client
from .options import DEFAULT_STORE_OPTIONS, StoreOptions
from .prefetch import Prefetch

if TYPE_CHECKING:
    from .requests.client import Client


class Stores:
    """Stores of one scan, opened with the first address.

    Args:
        options: options of the stores.
        limits: limits on one file; the time is for each request with its retries.
        memory: bytes of the whole scan.
        tags_named: true asks for the ETag of each named object, which costs one more request.
    """

    def __init__(
        self,
        options: StoreOptions = DEFAULT_STORE_OPTIONS,
        limits: Limits = DEFAULT_LIMITS,
        memory: int = DEFAULT_MEMORY,
        *,
        tags_named: bool = False,
    ) -> None:
        self.tags_named = tags_named
        self._options, self._limits = options, limits
        self._client: Client | None = None
        self._prefetch = Prefetch(self._fetch, memory, limits.max_bytes)

    @property
    def client(self) -> "Client":
        """Way to all stores.

        Raises:
            MissingExtraError: obstore is not installed.
        """
        if self._client is None:
            self._client = open_client(self._options, self._limits.timeout_s)
        return self._client

    def expect(self, remote: Remote) -> None:
        """Fetch an object that will be read soon."""
        self._prefetch.expect(remote)

    def read(self, remote: Remote, max_bytes: int) -> bytes:
        """Return the bytes of an object.

        Raises:
            ReadError: it cannot be read, or is too large.
        """
        return self._prefetch.take(remote, max_bytes)

    def cancel(self) -> None:
        """End every wait for an object."""
        self._prefetch.cancel()

    def _fetch(self, remote: Remote, most: int) -> bytes:
        try:
            return self.client.read(remote.address, most, remote.size, remote.tag)
        except ReadError as error:
            raise if_named(error) if remote.is_named else error from None


def if_named(error: ReadError) -> ReadError:
    """Return the failure of a named object: one that is not there is missing, not vanished."""
    if error.status is not FileStatus.VANISHED:
        return error
    return ReadError(FileStatus.MISSING, error.reason, error.size)
