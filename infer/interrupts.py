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


class Signals:
    """What came while ``interruptible`` watched."""

    def __init__(self) -> None:
        self.first: int | None = None

    def note(self, signal_number: int, _frame: FrameType | None) -> None:
        """Handle a signal: the first one raises, later ones are passed over."""
        if self.first is None:
            self.first = signal_number
            raise Interrupted(signal_number)

    def check(self) -> None:
        """Raise once more what was swallowed on its way.

        Raises:
            Interrupted: a signal came.
        """
        if self.first is not None:
            raise Interrupted(self.first)

    @contextmanager
    def surfacing(self) -> Iterator[None]:
        """Have an interruption leave the block as what it is.

        What is raised inside another library's callback or initialisation can turn into another
        error there, or into nothing at all.
        """
        try:
            yield
        except Exception:
            self.check()
            raise
        self.check()


@contextmanager
def interruptible() -> Iterator[Signals]:
    """Raise ``Interrupted`` in the main thread on the first signal, and pass over all later ones.

    A signal that the process ignores already (``nohup``, background jobs) stays ignored. After an
    interruption the handlers stay, since the process is about to end with the first signal's code.
    """
    signals = Signals()
    watched = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signals.note) for number in watched}
    try:
        with signals.surfacing():
            yield signals
    finally:
        if signals.first is None:
            for number, handler in before.items():
                signal.signal(number, handler)
