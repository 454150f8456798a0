"""SIGINT, SIGTERM and SIGHUP as an exception, so that a scan ends in order: rows whole, summary.

Python runs handlers in the main thread, but the system may hand a signal to any thread, such as one
of ONNX Runtime's, and then a main thread that waits goes on waiting. That happens above all where
two signals come at once. So a thread of our own watches Python's wake-up descriptor, and sends what
came to the main thread until that has taken notice.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_POKE_INTERVAL_S = 0.02

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
        self._is_over = threading.Event()

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

    def forward(self, wakeup: int, main_thread: int) -> None:
        """Wait for a signal, and wake the main thread until it has handled one.

        Args:
            wakeup: the reading end of Python's wake-up descriptor.
            main_thread: its identifier.
        """
        while came := os.read(wakeup, 1):
            while self.first is None and not self._is_over.wait(_POKE_INTERVAL_S):
                signal.pthread_kill(main_thread, came[0])

    def end(self) -> None:
        """Say that signals are no longer watched."""
        self._is_over.set()

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
    interruption all of them are, since the process is about to end with the first signal's code.
    """
    signals = Signals()
    watched = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signals.note) for number in watched}
    try:
        with signals.surfacing(), _forwarding(signals):
            yield signals
    finally:
        for number, handler in before.items():
            # In its last moments, the interpreter would put the system's deadly default back.
            signal.signal(number, handler if signals.first is None else signal.SIG_IGN)


@contextmanager
def _forwarding(signals: Signals) -> Iterator[None]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    forwarder = threading.Thread(
        target=signals.forward, args=(reader, threading.get_ident()), name="signals", daemon=True
    )
    forwarder.start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        signals.end()
        os.close(writer)
        forwarder.join()
        os.close(reader)
