"""Bounded queues between the scanner's threads, which a failure or Ctrl-C can end.

``queue.Queue`` cannot wake a thread that waits in it. A stage that fails would leave its neighbours
waiting forever. Here ``cancel`` ends every wait at once.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Cancelled(Exception):  # noqa: N818 - not an error: it ends a thread that waits
    """The run was cancelled while a thread waited for work or passed it on."""


class Channel(Generic[Item]):
    """A first-in, first-out queue of at most ``capacity`` items between threads."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[Item] = deque()
        self._capacity = capacity
        self._closed = False
        self._cancelled = False
        lock = threading.Lock()
        self._not_full = threading.Condition(lock)
        self._not_empty = threading.Condition(lock)

    def put(self, item: Item) -> None:
        """Add an item; wait for room.

        Raises:
            Cancelled: the run was cancelled.
        """
        with self._not_full:
            while len(self._items) >= self._capacity and not self._cancelled:
                self._not_full.wait()
            if self._cancelled:
                raise Cancelled
            self._items.append(item)
            self._not_empty.notify()

    def close(self) -> None:
        """Declare that no further item will be added; readers take the remaining items and end."""
        with self._not_empty:
            self._closed = True
            self._not_empty.notify_all()

    def cancel(self) -> None:
        """End every wait, now and from now on."""
        with self._not_empty:
            self._cancelled = True
            self._not_empty.notify_all()
            self._not_full.notify_all()

    @property
    def is_well_filled(self) -> bool:
        """True if at least half of the room is taken: readers have work for a while."""
        return 2 * len(self._items) >= self._capacity

    def take(self, most: int) -> list[Item]:
        """Return the next items: at least one, at most ``most``; none if no item will come.

        Wait for the first item only.

        Raises:
            Cancelled: the run was cancelled.
        """
        with self._not_empty:
            while not self._items and not self._closed and not self._cancelled:
                self._not_empty.wait()
            if self._cancelled:
                raise Cancelled
            before = len(self._items)
            taken = [self._items.popleft() for _ in range(min(most, before))]
            if len(self._items) <= self._capacity // 2 < before:
                # Waking a producer for each item costs two switches of threads per item.
                self._not_full.notify_all()
            return taken

    def __iter__(self) -> Iterator[Item]:
        """Yield items until the channel is closed and empty; several threads may iterate at once.

        Raises:
            Cancelled: the run was cancelled.
        """
        while taken := self.take(1):
            yield taken[0]


class Window:
    """Limit of ``size`` files between the walk and the rows; it bounds the waiting rows."""

    def __init__(self, size: int) -> None:
        self._room = size
        self._cancelled = False
        self._changed = threading.Condition()

    def enter(self) -> None:
        """Let one file in; wait for room.

        Raises:
            Cancelled: the run was cancelled.
        """
        with self._changed:
            while self._room == 0 and not self._cancelled:
                self._changed.wait()
            if self._cancelled:
                raise Cancelled
            self._room -= 1

    def leave(self) -> None:
        """Note that the row of one file is done."""
        with self._changed:
            self._room += 1
            self._changed.notify()

    def cancel(self) -> None:
        """End every wait, now and from now on."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
