"""Objects that are fetched before a decode thread asks for them, which hides a store's latency."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress

from ..files.read import ReadError
from ..flow.channel import Cancelled, Channel
from ..results import FileStatus
from ..system.background import THREAD_PREFIX
from .found import Remote

REQUESTS = 32
"""Requests at once. With 20 ms for each, they bring 1,600 objects a second."""

_ROOM = 64 << 20
_ROOM_SHARE = 16
"""Part of the scan's memory for objects that are fetched early; it is never more than ``_ROOM``."""

_LARGEST_SHARE = 4
"""Part of the room that one object may take; a larger one is fetched when it is asked for."""

_USUAL_SIZE = 1 << 20
"""Bytes set aside for an object whose size is unknown."""

Fetch = Callable[[Remote, int], bytes]
"""Function that returns the bytes of an object, which may be no more than a number of bytes."""


class Prefetch:
    """Objects that are being fetched, or wait for a decode thread, in their order.

    Args:
        fetch: reads one object; called by many threads at once.
        memory: bytes of the whole scan.
        max_bytes: bytes of the largest object that is read at all.
    """

    def __init__(self, fetch: Fetch, memory: int, max_bytes: int) -> None:
        self._fetch = fetch
        self._room = min(_ROOM, memory // _ROOM_SHARE)
        self._largest = min(self._room // _LARGEST_SHARE, max_bytes)
        self._lock = threading.Lock()
        self._waiting: deque[Remote] = deque()
        self._futures: dict[int, Future[bytes]] = {}
        self._work = Channel[tuple[Remote, "Future[bytes]"]](1 << 20)
        self._threads = 0

    def expect(self, remote: Remote) -> None:
        """Fetch an object as soon as there is room for it."""
        if _size(remote) > self._largest:
            return
        with self._lock:
            self._waiting.append(remote)
            self._start()

    def take(self, remote: Remote, max_bytes: int) -> bytes:
        """Return the bytes of an object; fetch it now if that has not begun.

        Raises:
            ReadError: it cannot be read, or is larger than ``max_bytes``.
            Cancelled: the scan ended.
        """
        if remote.size is not None and remote.size > max_bytes:
            raise _too_large(remote.size, max_bytes)
        with self._lock:
            future = self._futures.get(id(remote))
            if future is None and remote in self._waiting:
                self._waiting.remove(remote)
        if future is None or future.cancel():
            self._leave(remote)
            return self._fetch(remote, max_bytes)
        try:
            content = future.result()
        except CancelledError:
            raise Cancelled from None
        except ReadError as error:
            self._leave(remote)
            if error.status is FileStatus.TOO_LARGE and (error.size or 0) <= max_bytes:
                return self._fetch(remote, max_bytes)
            raise
        if len(content) > max_bytes:
            # It is asked for again when there is room for it.
            raise _too_large(len(content), max_bytes)
        self._leave(remote)
        return content

    def cancel(self) -> None:
        """End every wait, now and from now on."""
        self._work.cancel()
        with self._lock:
            for future in self._futures.values():
                # A request cannot be interrupted, but nobody has to wait for it.
                if not future.cancel():
                    with suppress(InvalidStateError):
                        future.set_exception(Cancelled())

    def _leave(self, remote: Remote) -> None:
        with self._lock:
            if self._futures.pop(id(remote), None) is not None:
                self._room += _size(remote)
                self._start()

    def _start(self) -> None:
        """Pass on what there is room for; called under the lock."""
        while self._waiting and _size(self._waiting[0]) <= self._room:
            remote = self._waiting.popleft()
            self._room -= _size(remote)
            future: Future[bytes] = Future()
            self._futures[id(remote)] = future
            self._work.put((remote, future))
            if self._threads < min(REQUESTS, len(self._futures)):
                name = f"{THREAD_PREFIX}fetch-{self._threads}"
                threading.Thread(target=self._run, name=name, daemon=True).start()
                self._threads += 1

    def _run(self) -> None:
        try:
            for remote, future in self._work:
                if not future.set_running_or_notify_cancel():
                    continue
                with suppress(InvalidStateError):
                    try:
                        future.set_result(self._fetch(remote, self._largest))
                    except BaseException as error:  # noqa: BLE001 - raised again in ``take``
                        future.set_exception(error)
        except Cancelled:
            return


def _size(remote: Remote) -> int:
    return _USUAL_SIZE if remote.size is None else remote.size


def _too_large(size: int, most: int) -> ReadError:
    return ReadError(FileStatus.TOO_LARGE, f"{size} bytes, limit {most}", size)
