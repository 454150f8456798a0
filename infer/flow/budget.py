"""One memory budget for everything that is decoded at once.

Threads that each stay below a limit exceed it together. Here each file takes its share, estimated
from its header, before its pixels are allocated. Files queue until there is room. They are served
in the order of arrival, so a large file cannot be overtaken forever. Bytes of files that wait for
their share are bounded, too.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ImageError
from ..results import FileStatus
from ..system.memory import DEFAULT_MEMORY
from .channel import Cancelled

_LARGE_FILE_SHARE = 64
_WAITING_SHARE = 32
"""Share of the budget for small files, and as much again for middle-sized ones, while they wait."""


class MemoryBudget:
    """Memory that all decode threads and their processes may use together.

    Args:
        total: in bytes.
        readers: threads that may each hold a file at once.

    Attributes:
        total: as given.
    """

    def __init__(self, total: int = DEFAULT_MEMORY, readers: int = 1) -> None:
        self.total = total
        self._readers = readers
        self._shares = _Shares(total)
        self._waiting = _Shares(total // _WAITING_SHARE)
        self._one_large_file = threading.Semaphore()

    @property
    def large_file(self) -> int:
        """Bytes from which a file counts as large; only one large file is in memory at a time."""
        return self.total // _LARGE_FILE_SHARE

    @property
    def small_file(self) -> int:
        """Bytes up to which a file is read without waiting; each thread can hold one."""
        return min(self.large_file, self.total // (_WAITING_SHARE * self._readers))

    @contextmanager
    def share(self, size: int) -> Iterator[None]:
        """Hold ``size`` bytes; wait until they are free and all earlier requests are served.

        Raises:
            ImageError: ``too_large``: more than the whole budget.
            Cancelled: the run was cancelled.
        """
        refusal = self.refusal(size)
        if refusal:
            raise ImageError(FileStatus.TOO_LARGE, refusal)
        with self._shares.hold(size):
            yield

    @contextmanager
    def middle_file(self, size: int) -> Iterator[None]:
        """Hold the bytes of a file that is neither small nor large, before it is read.

        Raises:
            Cancelled: the run was cancelled.
        """
        with self._waiting.hold(size):
            yield

    def refusal(self, size: int) -> str:
        """Return the reason why ``size`` bytes exceed the budget; empty if they fit."""
        if size <= self.total:
            return ""
        return f"decoding it takes up to {_megabytes(size)}, budget {_megabytes(self.total)}"

    @contextmanager
    def only_large_file(self) -> Iterator[None]:
        """Be the only thread that holds a large file.

        Raises:
            Cancelled: the run was cancelled.
        """
        with self._one_large_file:
            self._shares.check()
            yield

    def cancel(self) -> None:
        """End every wait, now and from now on."""
        self._waiting.cancel()
        self._shares.cancel()


class _Shares:
    """A number of bytes that threads hold in parts, in the order of their requests."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()
        self._cancelled = False

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Hold ``size`` bytes, no more than there are; wait until they are free."""
        with self._changed:
            if self._queue or self._free < size or self._cancelled:
                self._wait_for(size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                if self._queue:
                    self._changed.notify_all()

    def _wait_for(self, size: int) -> None:
        """Queue until ``size`` bytes are free; called under the lock."""
        ticket = object()
        self._queue.append(ticket)
        while (self._queue[0] is not ticket or self._free < size) and not self._cancelled:
            self._changed.wait()
        self._queue.remove(ticket)
        # The memory for the next in the queue may be free already.
        self._changed.notify_all()
        self.check()

    def check(self) -> None:
        """Raise ``Cancelled`` if the run was cancelled."""
        if self._cancelled:
            raise Cancelled

    def cancel(self) -> None:
        """End every wait, now and from now on."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
