"""SIGINT, SIGTERM and SIGHUP as an exception, so that a scan ends in order: rows whole, summary."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupted(BaseException):
    """The user, or the system, asked the process to end.

    Like ``KeyboardInterrupt`` no ``Exception``, so that nothing swallows it on its way.

    Attributes:
        signal_number: which signal came first.
        exit_code: 128 and its number, as shells report it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise ``Interrupted`` in the main thread on the first signal, and pass over all later ones.

    A signal that the process ignores already (``nohup``, background jobs) stays ignored. After an
    interruption the handlers stay, since the process is about to end with the first signal's code.
    """
    came = False

    def interrupt(signal_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        # Not SIG_IGN: Python complains when a signal that it noted has no handler any more.
        if not came:
            came = True
            raise Interrupted(signal_number)

    watched = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in watched}
    try:
        yield
    finally:
        if not came:
            for number, handler in before.items():
                signal.signal(number, handler)
