"""Threads of one run: started one stage after the other, stopped together, none left behind."""

import atexit
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from ..system.background import THREAD_PREFIX
from .channel import Cancelled

Item = TypeVar("Item")


_STOP_TIMEOUT_S = 1.0
"""Seconds that ``stop`` waits. A decoder or a model cannot be interrupted while it computes; its
thread ends as soon as it returns."""

_EXIT_TIMEOUT_S = 30.0
"""Seconds that the interpreter's end waits for threads that compute. ONNX Runtime aborts the
process if the interpreter ends first."""


class Cancellable(Protocol):
    """An object in which threads wait."""

    def cancel(self) -> None:
        """End every wait, now and from now on."""


class Stages:
    """Threads that end together.

    Args:
        waits: every object in which a thread of any stage may wait.
    """

    def __init__(self, waits: Iterable[Cancellable]) -> None:
        self._waits = tuple(waits)
        self._threads: list[threading.Thread] = []
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        # A generator that nobody closed must not leave threads running while the interpreter ends.
        atexit.register(self._stop_at_exit)

    def start(
        self, name: str, work: Callable[[], None], *, then: Callable[[], None], threads: int = 1
    ) -> None:
        """Start one stage.

        Args:
            name: name of the stage; its threads are ``scan-NAME``, numbered if there are several.
            work: called once in each thread.
            then: called when the last thread is done, unless one failed.
            threads: number of threads.
        """
        running = threads

        def run() -> None:
            nonlocal running
            try:
                work()
                with self._lock:
                    running -= 1
                    is_last = running == 0
                if is_last:
                    then()
            except Cancelled:
                return
            except BaseException as error:  # noqa: BLE001 - it is raised again in ``watched``
                with self._lock:
                    self._failure = self._failure or error
                self._cancel()

        for number in range(threads):
            thread_name = THREAD_PREFIX + (name if threads == 1 else f"{name}-{number}")
            thread = threading.Thread(target=run, name=thread_name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def watched(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the last stage's items; raise the exception with which a thread failed."""
        try:
            yield from items
        except Cancelled:
            if self._failure is None:
                raise
            raise self._failure from None

    def stop(self) -> None:
        """End all threads; wait a second for them."""
        if self._stop(_STOP_TIMEOUT_S):
            atexit.unregister(self._stop_at_exit)

    def _stop_at_exit(self) -> None:
        self._stop(_EXIT_TIMEOUT_S)

    def _stop(self, timeout_s: float) -> bool:
        """End all threads; return whether all have ended in time."""
        self._cancel()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _cancel(self) -> None:
        for wait in self._waits:
            wait.cancel()
