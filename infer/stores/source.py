"""Source of a scan that reads objects of stores as well as files of this machine."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, InputError, MissingExtraError
from ..files.choice import START, Choice, WalkOptions
from ..files.left_out import LeftOut
from ..files.read import NO_ANSWER, ReadError
from ..files.source import LocalFiles
from ..files.walk import Found, Walker
from ..images.formats.registry import is_picture_start
from ..images.limits import DEFAULT_LIMITS, Limits
from ..results import FileStatus, is_address
from ..system.memory import DEFAULT_MEMORY
from .addresses import Address, parsed
from .found import Remote
from .options import DEFAULT_STORE_OPTIONS, StoreOptions
from .prefetch import REQUESTS, Prefetch

if TYPE_CHECKING:
    from .client import Client

_CHECK_S = 10.0
"""Seconds until a store that does not answer at the start of a scan is given up."""


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
            raise _if_named(error) if remote.is_named else error from None


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
        return _StoreWalker(self.roots, self.options, self.left_out, self.stores).found()

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


class _StoreWalker(Walker):
    """A walk that enters prefixes of stores, too."""

    def __init__(
        self,
        roots: Iterable[bytes],
        options: WalkOptions,
        left_out: LeftOut | None,
        stores: Stores,
    ) -> None:
        super().__init__(roots, options, left_out)
        self._stores = stores
        self._looks_inside = options.any_name
        self._prefixes: list[Address] = []
        self._named: set[bytes] = set()
        self._last_folder = (b"", Choice.TAKE)

    def below(self, root: bytes) -> Iterator[Found]:
        """Yield everything below one root, or the root itself if it is a file or an object."""
        if not is_address(root):
            yield from super().below(root)
            return
        try:
            address = parsed(root)
        except InputError as error:
            yield Found(root, ImageError(FileStatus.UNREADABLE, str(error)))
            return
        try:
            named = None if address.is_folder else self._object(address)
            if named is None:
                yield from self._prefix(address)
            elif self._is_new(named):
                yield named
        except ReadError as error:
            yield Found(_path_of(address), _if_named(error))

    def _object(self, address: Address) -> Remote | None:
        """Return a named object; ``None`` if there are only objects below the name."""
        remote = Remote(_path_of(address), address=address, is_named=True)
        is_clear = not address.scheme.has_listing or self._is_named_like_picture(address)
        if is_clear and not self._stores.tags_named:
            return remote
        try:
            size, tag = self._stores.client.head(address)
        except ReadError as error:
            if is_clear:
                # Reading it tells the reason; and a web server can refuse HEAD alone.
                return remote
            if error.status is not FileStatus.VANISHED:
                raise
            return None
        return replace(remote, size=size, tag=tag)

    def _prefix(self, address: Address) -> Iterator[Found]:
        base = len(address.key.rstrip("/") + "/") if address.key.rstrip("/") else 0
        is_empty = True
        for page in self._stores.client.pages(address):
            is_empty = False
            for entry, choice in zip(page, self._choices(address, base, page), strict=True):
                if choice is not Choice.TAKE:
                    self.count(choice)
                    continue
                at = replace(address, key=entry["path"])
                found = Remote(_path_of(at), address=at, size=entry["size"], tag=entry["e_tag"])
                if self.has_one_root or not self._was_found(at):
                    yield found
        if is_empty and not address.is_folder:
            raise ReadError(FileStatus.MISSING, "there is no such object or prefix")
        if not self.has_one_root:
            self._prefixes.append(address)

    def _choices(
        self, address: Address, base: int, page: Sequence[Mapping[str, Any]]
    ) -> Iterable[Choice]:
        choose = partial(self._choice, address, base)
        if not self._looks_inside:
            return map(choose, page)
        with ThreadPoolExecutor(REQUESTS) as pool:
            return list(pool.map(choose, page))

    def _choice(self, address: Address, base: int, entry: Mapping[str, Any]) -> Choice:
        relative = entry["path"][base:].encode()
        folder, _, name = relative.rpartition(b"/")
        choice = self._choice_of_folder(folder)
        if choice is not Choice.TAKE:
            return choice
        at = replace(address, key=entry["path"])
        return self.chooser.file(name, relative, partial(self._is_picture, at, entry["size"]))

    def _choice_of_folder(self, folder: bytes) -> Choice:
        """Return the decision about the folders in which an object seems to lie."""
        last, choice = self._last_folder
        if folder != last:
            parts = [part for part in folder.split(b"/") if part]
            choices = (
                self.chooser.folder(part, b"/".join(parts[: depth + 1]))
                for depth, part in enumerate(parts)
            )
            choice = next((one for one in choices if one is not Choice.TAKE), Choice.TAKE)
            self._last_folder = folder, choice
        return choice

    def _is_picture(self, address: Address, size: int) -> bool:
        try:
            return size > 0 and is_picture_start(self._stores.client.start(address, START))
        except ReadError:
            # It may be a picture; its row reports why it cannot be read.
            return True

    def _is_named_like_picture(self, address: Address) -> bool:
        return self.chooser.is_named_like_picture(address.key.encode().rpartition(b"/")[2])

    def _is_new(self, named: Remote) -> bool:
        """Return whether a named object was not found before, and note it."""
        if self.has_one_root:
            return True
        if self._was_found(named.address) and self._is_named_like_picture(named.address):
            return False
        self._named.add(_fingerprint(named.address))
        return True

    def _was_found(self, address: Address) -> bool:
        return _fingerprint(address) in self._named or any(
            (address.scheme, address.bucket) == (prefix.scheme, prefix.bucket)
            and address.key.startswith(prefix.key.rstrip("/") + "/" if prefix.key else "")
            for prefix in self._prefixes
        )


def open_client(options: StoreOptions, deadline_s: float) -> "Client":
    """Return a way to all stores.

    Raises:
        MissingExtraError: obstore is not installed.
    """
    try:
        module = import_module(".client", __package__)
    except ModuleNotFoundError as error:
        raise MissingExtraError("reading from a store", "stores", "obstore") from error
    client: Client = module.Client(options, deadline_s)
    return client


def check_addresses(paths: Iterable[bytes], options: StoreOptions, deadline_s: float) -> None:
    """Check that named objects and prefixes exist and can be reached.

    Args:
        paths: arguments; those that are paths of this machine are left out.
        options: options of the stores.
        deadline_s: seconds until a request is given up.

    Raises:
        InputError: there is no such object, prefix or bucket, or its store refuses or does not
            answer.
        MissingExtraError: obstore is not installed.
    """
    addresses = [parsed(path) for path in filter(is_address, paths)]
    if not addresses:
        return
    client = open_client(options, min(deadline_s, _CHECK_S))
    for address in addresses:
        try:
            _check(client, address)
        except ReadError as error:
            raise InputError(f"{address}: {error.reason}") from None


def _check(client: "Client", address: Address) -> None:
    failure = ReadError(FileStatus.MISSING, "there is no such object or prefix")
    if not address.is_folder:
        try:
            client.head(address)
            return
        except ReadError as error:
            failure = error
            # The answer to HEAD has no text, so the listing gives the better reason.
            if not address.scheme.has_listing or error.reason.startswith(NO_ANSWER):
                raise
    if next(client.pages(address), None) is None and not address.is_folder:
        raise failure


def _if_named(error: ReadError) -> ReadError:
    """Return the failure of a named object: one that is not there is missing, not vanished."""
    if error.status is not FileStatus.VANISHED:
        return error
    return ReadError(FileStatus.MISSING, error.reason, error.size)


def _path_of(address: Address) -> bytes:
    return str(address).encode("utf-8", "surrogateescape")


def _fingerprint(address: Address) -> bytes:
    return blake2b(
        f"{address.scheme}/{address.bucket}/{address.key}".encode(), digest_size=16
    ).digest()
