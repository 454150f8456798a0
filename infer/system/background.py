"""Long work of a library in a thread of its own, so that a signal ends the wait for it at once.

Python handles signals in the main thread, between two of its own instructions. While that thread is
inside a library, for example to load a model, a signal would wait until the library returns.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def waited_for(
    name: str, work: Callable[[], Result], meanwhile: Callable[[], object] | None = None
) -> Result:
    """Run ``work`` in a thread; return its result or raise its exception.

    A caller that is interrupted while it waits must end the process without waiting for the thread.

    Args:
        name: name of the thread, after ``THREAD_PREFIX``.
        work: the work of the thread.
        meanwhile: called while the thread works.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised in the waiting thread
            errors.append(error)

    thread = threading.Thread(target=run, name=THREAD_PREFIX + name, daemon=True)
    thread.start()
    if meanwhile is not None:
        meanwhile()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


THREAD_PREFIX = "scan-"
"""Prefix of the names of all threads of a scan."""
