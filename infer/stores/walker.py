"""A walk through folders of this machine and prefixes of stores."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, InputError
from ..files.choice import START, Choice
from ..files.left_out import LeftOut
from ..files.options import WalkOptions
from ..files.read import ReadError
from ..files.walk import Found, Walker
from ..images.formats.registry import is_picture_start
from ..results import FileStatus, is_address
from .addresses import Address, parsed
from .found import Remote
from .prefetch import REQUESTS

if TYPE_CHECKING:
    pass

from .stores import Stores, if_named


class StoreWalker(Walker):
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
            yield Found(_path_of(address), if_named(error))

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
        base = len(_folder_of(address))
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
        if _fingerprint(named.address) in self._named:
            return False
        if any(self._has_taken(prefix, named) for prefix in self._prefixes):
            return False
        self._named.add(_fingerprint(named.address))
        return True

    def _was_found(self, address: Address) -> bool:
        """Return whether an object of a listing was named, or lies where another has looked."""
        return _fingerprint(address) in self._named or any(
            self._has_entered(prefix, address) for prefix in self._prefixes
        )

    def _has_entered(self, prefix: Address, address: Address) -> bool:
        base = _folder_of(prefix)
        is_below = (address.scheme, address.bucket) == (prefix.scheme, prefix.bucket)
        if not is_below or not address.key.startswith(base):
            return False
        folder = address.key[len(base) :].encode().rpartition(b"/")[0]
        return self._choice_of_folder(folder) is Choice.TAKE

    def _has_taken(self, prefix: Address, named: Remote) -> bool:
        # One whose size is unknown can have content.
        entry = {"path": named.address.key, "size": 1 if named.size is None else named.size}
        return self._has_entered(prefix, named.address) and (
            self._choice(prefix, len(_folder_of(prefix)), entry) is Choice.TAKE
        )


def _folder_of(prefix: Address) -> str:
    """Return what all keys below a prefix begin with."""
    key = prefix.key.rstrip("/")
    return f"{key}/" if key else ""


def _path_of(address: Address) -> bytes:
    return str(address).encode("utf-8", "surrogateescape")


def _fingerprint(address: Address) -> bytes:
    return blake2b(
        f"{address.scheme}/{address.bucket}/{address.key}".encode(), digest_size=16
    ).digest()
