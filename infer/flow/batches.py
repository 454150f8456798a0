"""Batches of one constant shape, which many threads fill in place at once.

A batch is sent when it is full. The first ones hold a single picture each, so that the first row
comes early: threads decode several files at once, and the first file is not always done first.
A batch is sent half empty in two cases: at the end, and when nothing is being read and nothing
arrives. In the second case waiting would never end: the batch's rows hold back all later ones, and
so the walk.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from .channel import Cancelled

Ticket = TypeVar("Ticket")

Buffer = npt.NDArray[np.uint8]

_IDLE_S = 0.05
"""Seconds without a new picture after which a half-empty batch is sent."""


@dataclass(slots=True)
class Batch(Generic[Ticket]):
    """A buffer of pictures, with a ticket for each.

    Attributes:
        buffer: uint8 (batch_size, *axes of a picture); rows from ``len(tickets)`` on are stale.
        size: slots that are filled before the batch is sent; set when its first one is claimed.
        tickets: the ticket of each picture, in the order of the slots.
        written: number of claimed slots that hold their picture.
    """

    buffer: Buffer
    size: int = 0
    tickets: list[Ticket] = field(default_factory=list)
    written: int = 0

    @property
    def images(self) -> Buffer:
        """Pictures, uint8 (number of tickets, *axes of a picture)."""
        return self.buffer[: len(self.tickets)]


class BatchAssembler(Generic[Ticket]):
    """Exchange of batches: decode threads add pictures, inference threads take full batches.

    Args:
        buffers: memory of all batches, each uint8 (batch_size, *axes of a picture); while none is
            free, ``add`` waits.
        singles: number of first batches that hold a single picture.
    """

    def __init__(self, buffers: Sequence[Buffer], singles: int) -> None:
        self._free: list[Batch[Ticket]] = [Batch(buffer) for buffer in buffers]
        self._singles = singles
        self._filling: Batch[Ticket] | None = None
        self._full: deque[Batch[Ticket]] = deque()
        self._expected = 0
        self._closed = False
        self._cancelled = False
        lock = threading.Lock()
        self._slot_freed = threading.Condition(lock)
        self._batch_changed = threading.Condition(lock)

    def expect(self) -> None:
        """Note that one more file is on its way: ``add`` or ``skip`` will follow."""
        with self._batch_changed:
            self._expected += 1

    def skip(self) -> None:
        """Note that an expected file has no picture."""
        with self._batch_changed:
            self._expected -= 1
            if self._expected == 0:
                self._batch_changed.notify()

    def add(self, pixels: Buffer, ticket: Ticket) -> None:
        """Copy an expected picture, into a slot; wait for a buffer.

        Raises:
            Cancelled: the run was cancelled.
        """
        with self._slot_freed:
            batch = self._claim()
            slot = len(batch.tickets)
            batch.tickets.append(ticket)
        batch.buffer[slot] = pixels
        with self._batch_changed:
            batch.written += 1
            self._expected -= 1
            if batch.written == batch.size:
                self._full.append(batch)
                self._batch_changed.notify()
            elif self._expected == 0:
                self._batch_changed.notify()

    def _claim(self) -> Batch[Ticket]:
        """Return a batch with a free slot; called under the lock."""
        while self._filling is None and not self._free and not self._cancelled:
            self._slot_freed.wait()
        if self._cancelled:
            raise Cancelled
        if self._filling is None:
            self._filling = self._free.pop()
            self._filling.size = 1 if self._singles else len(self._filling.buffer)
            self._singles = max(0, self._singles - 1)
        batch = self._filling
        if len(batch.tickets) == batch.size - 1:
            self._filling = None
        return batch

    def close(self) -> None:
        """Declare that no further picture will be added."""
        with self._batch_changed:
            self._closed = True
            self._batch_changed.notify_all()

    def cancel(self) -> None:
        """End every wait, now and from now on."""
        with self._batch_changed:
            self._cancelled = True
            self._batch_changed.notify_all()
            self._slot_freed.notify_all()

    def __iter__(self) -> Iterator[Batch[Ticket]]:
        """Yield batches; several threads may iterate at once.

        Each batch is emptied when its thread asks for the next one.

        Raises:
            Cancelled: the run was cancelled.
        """
        while (batch := self._take()) is not None:
            yield batch
            with self._slot_freed:
                batch.tickets.clear()
                batch.written = 0
                self._free.append(batch)
                self._slot_freed.notify_all()

    def _take(self) -> Batch[Ticket] | None:
        with self._batch_changed:
            while not (self._full or self._closed or self._cancelled):
                nothing_coming = self._filling is not None and self._expected == 0
                arrived = self._batch_changed.wait(_IDLE_S if nothing_coming else None)
                # Another thread may have taken it in the meantime.
                still_there = self._filling is not None and self._expected == 0
                if nothing_coming and not arrived and still_there:
                    break
            if self._cancelled:
                raise Cancelled
            if self._full:
                return self._full.popleft()
            batch, self._filling = self._filling, None
            return batch
