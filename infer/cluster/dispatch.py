"""Chunks to workers and back: a bounded loop, which loses no file whatever dies.

A worker has at most two chunks, so that it never waits for the driver. If it dies, its chunks are
suspects: each is judged again, alone on its worker. A suspect whose worker dies a second time is
cut into pieces, down to single files. A single file whose worker dies twice gets a row that says
so, and no worker any more.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..errors import ExitCode
from ..files.walk import Found
from .messages import Chunk, ClusterError, Done, Failed, Ready

AHEAD = 2
"""Most chunks of a worker: one in work, and one that waits for it."""

_PIECES = 8
"""Pieces of a chunk that is cut; three cuts lead from 500 files to single ones."""

_MOST_DEATHS = 2

PATIENCE_S = 300.0
"""Seconds without any worker after which the cluster counts as gone."""


@dataclass(frozen=True, slots=True)
class Came:
    """A worker is ready for chunks, for the first time or again."""

    worker: int
    word: Ready | Failed


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker is done with a chunk."""

    worker: int
    part: str
    result: Done | Failed


@dataclass(frozen=True, slots=True)
class Died:
    """A worker died with all of its chunks; it may come back."""

    worker: int


Event = Came | Finished | Died


class Crew(Protocol):
    """Workers that judge chunks, each in a process of its own."""

    @property
    def size(self) -> int:
        """Number of workers that live, or will live again."""

    def send(self, worker: int, chunk: Chunk) -> None:
        """Give a worker a chunk."""

    def wait(self) -> list[Event]:
        """Return what happened; wait for a moment if there is nothing."""


class Parts(Protocol):
    """Parts that a run writes."""

    def chunk(self, files: tuple[Found, ...]) -> Chunk:
        """Return files as a chunk, with the name of a new part."""

    def written(self, chunk: Chunk) -> Done | None:
        """Return the part of a chunk, if its worker wrote it before it died."""

    def give_up(self, chunk: Chunk) -> Done:
        """Write the part of a single file that no worker survives."""


@dataclass(slots=True)
class _Lot:
    """A chunk and its history."""

    chunk: Chunk
    is_suspect: bool = False
    deaths: int = 0


class Dispatch:
    """Work that is not done yet.

    Args:
        crew: the workers.
        check: is called with each word of a worker; raises an error if it cannot work here.
    """

    def __init__(self, crew: Crew, check: Callable[[Ready], None]) -> None:
        self._crew, self._check = crew, check
        self._held: dict[int, list[_Lot]] = {}
        self._suspects = deque[_Lot]()
        self._since = time.monotonic()

    def gather(self) -> None:
        """Wait for the first word of all workers; those that are late may come later.

        Raises:
            ClusterError: none comes, or one of them cannot work.
        """
        end = self._since + PATIENCE_S
        while len(self._held) < self._crew.size:
            for event in self._crew.wait():
                if isinstance(event, Came):
                    self._come(event)
            self._check_patience()
            if time.monotonic() > end:
                return

    def done(self, files: Iterator[tuple[Found, ...]], parts: Parts) -> Iterator[Done]:
        """Yield all parts, as they are written.

        Args:
            files: files of each chunk, taken when a worker has room for it.
            parts: the parts that are written.

        Raises:
            ClusterError: a worker failed, or there is none any more.
        """
        is_listed = False
        while True:
            while (worker := self._freest()) is not None:
                lot = self._suspects.popleft() if self._suspects else None
                if lot is None and not is_listed:
                    some = next(files, None)
                    is_listed = some is None
                    lot = None if some is None else _Lot(parts.chunk(some))
                if lot is None:
                    break
                self._held[worker].append(lot)
                self._crew.send(worker, lot.chunk)
            if is_listed and not self._suspects and not any(self._held.values()):
                return
            for event in self._crew.wait():
                match event:
                    case Came():
                        self._come(event)
                    case Finished():
                        yield self._finish(event)
                    case Died(worker):
                        lots = self._held.pop(worker, [])
                        for lot in lots:
                            yield from self._lost(lot, parts, is_alone=len(lots) == 1)
            self._check_patience()

    def _freest(self) -> int | None:
        """Return the worker with the fewest chunks; ``None`` if none has room for the next one."""
        worker = min(self._held, key=lambda worker: _load(self._held[worker]), default=None)
        # A suspect is alone on its worker.
        room = 1 if self._suspects else AHEAD
        return None if worker is None or _load(self._held[worker]) >= room else worker

    def _come(self, event: Came) -> None:
        if isinstance(event.word, Failed):
            raise event.word.error()
        self._check(event.word)
        self._held[event.worker] = []

    def _finish(self, event: Finished) -> Done:
        if isinstance(event.result, Failed):
            raise event.result.error()
        lots = self._held[event.worker]
        self._held[event.worker] = [lot for lot in lots if lot.chunk.part != event.part]
        return event.result

    def _lost(self, lot: _Lot, parts: Parts, *, is_alone: bool) -> Iterator[Done]:
        """Take back a chunk whose worker died; yield its part if that is written."""
        chunk = lot.chunk
        if done := parts.written(chunk):
            yield done
            return
        # A single file beside another chunk may be innocent.
        lot.deaths += is_alone or len(chunk.files) > 1
        lot.is_suspect = True
        if lot.deaths < _MOST_DEATHS:
            self._suspects.append(lot)
        elif len(chunk.files) == 1:
            yield parts.give_up(chunk)
        else:
            size = -(-len(chunk.files) // _PIECES)
            for start in range(0, len(chunk.files), size):
                piece = parts.chunk(chunk.files[start : start + size])
                self._suspects.append(_Lot(piece, is_suspect=True))

    def _check_patience(self) -> None:
        if self._held:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > PATIENCE_S:
            raise ClusterError(
                f"there is no actor, and none came within {PATIENCE_S:g} s; the cluster seems "
                "to be gone, or full",
                ExitCode.SOURCE_LOST,
            )


def _load(lots: list[_Lot]) -> int:
    """Return how many chunks a worker has; a suspect counts as all that it can have."""
    return AHEAD if any(lot.is_suspect for lot in lots) else len(lots)
