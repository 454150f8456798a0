"""Long work of a library in a thread of its own, so that a signal ends the wait for it at once.

Python handles signals in the main thread, between two of its own instructions. While that thread is
inside a library, which loads a model or runs a large batch, they would wait until it comes back.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def _nothing() -> None:
    """Do nothing."""


def waited_for(
    name: str, work: Callable[[], Result], meanwhile: Callable[[], None] = _nothing
) -> Result:
    """What ``work`` returns or raises.

    Whoever is interrupted while it waits must end the process without waiting for the thread.

    Args:
        name: of the thread, after ``THREAD_PREFIX``.
        work: what to do.
        meanwhile: what this thread does before it waits.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            errors.append(error)

    thread = threading.Thread(target=run, name=THREAD_PREFIX + name, daemon=True)
    thread.start()
    meanwhile()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


THREAD_PREFIX = "scan-"
"""What the names of all threads of a scan begin with."""
