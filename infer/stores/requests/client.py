"""Requests to the stores of one scan, with typed failures without credentials."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Literal

import obstore
from obstore import exceptions
from obstore.store import ObjectStore

from ...files.read import ReadError
from ...results import FileStatus
from ..addresses import Address, Scheme
from ..options import StoreOptions
from .failures import KEY_REFUSED, NO_OBJECT, failure_of
from .odd_keys import has_dots, is_odd, object_query, page_of, page_query, url_of_bucket
from .opening import opened_store

PAGE = 1000
"""Keys of one page of a listing; S3 sends no more."""

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_PLAIN = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*", re.ASCII)
"""Paths of web servers that need no escaping."""


class Client:
    """Stores of one scan, one for each bucket.

    Args:
        options: options of the stores.
        deadline_s: seconds until a request is given up, with all its retries.
    """

    def __init__(self, options: StoreOptions, deadline_s: float) -> None:
        self._options = options
        self._deadline = timedelta(seconds=deadline_s)
        self._stores: dict[tuple[Scheme, str], ObjectStore] = {}

    def head(self, address: Address) -> tuple[int, str | None]:
        """Return an object's size in bytes and its ETag.

        Raises:
            ReadError: there is no such object, or the store refuses or does not answer.
        """
        with self._failing():
            store, key = self._placed(address)
            meta = obstore.get(store, key, options={"head": address.scheme.has_listing}).meta
        return meta["size"], meta["e_tag"]

    def pages(self, address: Address) -> Iterator[Sequence[Any]]:
        """Yield the objects below a prefix, a page at a time, in the order of their keys.

        Each has ``path`` (the key), ``size`` and ``e_tag``.

        Raises:
            ReadError: the store refuses or does not answer.
        """
        after, is_cut = "", True
        with self._failing():
            while is_cut:
                try:
                    if not is_odd(after) and not is_odd(address.key):
                        for page in self._listed(address, after):
                            yield page
                            after = page[-1]["path"]
                        return
                except (exceptions.InvalidPathError, exceptions.GenericError) as error:
                    if address.scheme is not Scheme.S3 or not _is_of_odd_key(error):
                        raise
                page, is_cut = self._page(address, after)
                yield page
                after = page[-1]["path"] if page else ""

    def read(self, address: Address, most: int, size: int | None, tag: str | None) -> bytes:
        """Return the bytes of an object.

        Args:
            address: its address.
            most: a larger object is refused before its bytes are read.
            size: its size in the listing; ``None`` if unknown.
            tag: its ETag in the listing; ``None`` if unknown.

        Raises:
            ReadError: it is gone, refused, too large, changed or damaged on the way, or the store
                does not answer.
        """
        with self._failing():
            content = self._read(address, most, size, tag)
            md5 = _MD5.fullmatch(tag or "")
            if md5 is None or md5[1] == _digest(content):
                return content
            # The ETag of an encrypted object is no MD5, so only two reads can tell.
            again = self._read(address, most, size, tag)
        if again == content or md5[1] == _digest(again):
            return again
        raise ReadError(FileStatus.UNREADABLE, "checksum mismatch: two reads differ", len(again))

    def content(self, address: Address, most: int) -> bytes | None:
        """Return the bytes of an object; ``None`` if there is no such object.

        Raises:
            ReadError: it is refused, too large or damaged on the way, or the store does not
                answer.
        """
        try:
            return self.read(address, most, None, None)
        except ReadError as error:
            if error.reason.startswith(NO_OBJECT):
                return None
            raise

    def start(self, address: Address, count: int) -> bytes:
        """Return the first bytes of an object that is not empty.

        Raises:
            ReadError: it cannot be read.
        """
        with self._failing():
            store, key = self._placed(address)
            return obstore.get_range(store, key, start=0, end=count).to_bytes()

    def put(self, address: Address, content: bytes) -> None:
        """Write an object in one request; it replaces one of that key.

        Raises:
            ReadError: the store refuses or does not answer.
        """
        with self._failing():
            self._put(address, content, "overwrite")

    def create(self, address: Address, content: bytes) -> bool:
        """Write an object in one request; return whether its key was free.

        A store without conditions replaces what is there.

        Raises:
            ReadError: the store refuses or does not answer.
        """
        with self._failing():
            try:
                self._put(address, content, "create")
            except exceptions.AlreadyExistsError:
                return False
            except exceptions.NotSupportedError:
                self._put(address, content, "overwrite")
        return True

    def remove(self, address: Address) -> None:
        """Remove an object, if it is there.

        Raises:
            ReadError: the store refuses or does not answer.
        """
        with self._failing(), suppress(FileNotFoundError):
            store, key = self._placed(address)
            obstore.delete(store, key)

    def _read(self, address: Address, most: int, size: int | None, tag: str | None) -> bytes:
        store, key = self._placed(address)
        # A condition on a weak tag never holds.
        is_strong = tag is not None and not tag.startswith("W/")
        result = obstore.get(store, key, options={"if_match": tag} if is_strong else None)
        announced = result.meta["size"]
        if announced > most:
            raise ReadError(FileStatus.TOO_LARGE, f"{announced} bytes, limit {most}", announced)
        content = result.bytes().to_bytes()
        expected = announced if size is None else size
        if len(content) != expected:
            reason = f"length mismatch: {len(content)} bytes came, {expected} were listed"
            raise ReadError(FileStatus.UNREADABLE, reason, len(content))
        return content

    def _put(self, address: Address, content: bytes, mode: Literal["create", "overwrite"]) -> None:
        store, key = self._placed(address)
        obstore.put(store, key, content, mode=mode, use_multipart=False)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn errors of obstore in a block into failures of one object."""
        try:
            yield
        except (exceptions.BaseError, OSError, ValueError) as error:
            raise failure_of(error, self._deadline) from None

    def _placed(self, address: Address) -> tuple[ObjectStore, str]:
        """Return the store of an object, and the object's name in it."""
        if address.scheme is Scheme.S3 and is_odd(address.key):
            if has_dots(address.key):
                raise ReadError(FileStatus.UNREADABLE, KEY_REFUSED)
            return self._at(address.bucket, object_query(address.key)), ""
        if not address.scheme.has_listing and not _PLAIN.fullmatch(address.key):
            # What is escaped, and a query, must reach the server as it was given.
            url = f"{address.bucket}/{address.key}"
            return opened_store(address.scheme, url, self._options, self._deadline), ""
        place = address.scheme, address.bucket
        store = self._stores.get(place)
        if store is None:
            store = self._stores[place] = opened_store(*place, self._options, self._deadline)
        return store, address.key

    def _listed(self, address: Address, after: str) -> Iterator[Sequence[Any]]:
        """Yield the pages of a listing as obstore reads them, after a key."""
        store, key = self._placed(address)
        return obstore.list(store, key or None, offset=after or None, chunk_size=PAGE)

    def _page(self, address: Address, after: str) -> tuple[Sequence[Any], bool]:
        """Return a page of a listing of S3 with any keys, and whether more follow."""
        if address.scheme is not Scheme.S3:
            raise ReadError(FileStatus.UNREADABLE, KEY_REFUSED)
        ends = not address.key or address.key.endswith("/")
        prefix = address.key if ends else f"{address.key}/"
        store = self._at(address.bucket, page_query(prefix, after))
        return page_of(obstore.get(store, "").bytes().to_bytes())

    def _at(self, bucket: str, query: str) -> ObjectStore:
        """Return what answers to one address below a bucket of S3."""
        config = {
            "endpoint": f"{url_of_bucket(bucket, self._options)}{query}",
            "virtual_hosted_style_request": True,
        }
        return opened_store(Scheme.S3, bucket, self._options, self._deadline, config)


def _is_of_odd_key(error: Exception) -> bool:
    """Return whether a listing failed for a key: one is refused, or XML cannot hold it."""
    return isinstance(error, exceptions.InvalidPathError) or "invalid list response" in str(error)


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
