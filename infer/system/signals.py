"""SIGINT, SIGTERM and SIGHUP as an exception, so that a scan ends in order: rows whole, summary.

Python runs handlers in the main thread, but the system may deliver a signal to any thread, such as
one of ONNX Runtime's. A main thread that waits then keeps waiting, above all if two signals come at
once. So a separate thread watches Python's wake-up descriptor, and sends the signal to the main
thread until that has handled it.
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
    """The user or the system asked the process to end.

    Like ``KeyboardInterrupt`` it is not an ``Exception``, so that no handler swallows it.

    Attributes:
        signal_number: number of the first signal.
        exit_code: 128 plus that number, as shells report it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


class Signals:
    """Signals that came while ``interruptible`` watched."""

    def __init__(self) -> None:
        self.first: int | None = None
        self._is_over = threading.Event()

    def note(self, signal_number: int, _frame: FrameType | None) -> None:
        """Handle a signal: the first one raises, later ones are ignored."""
        if self.first is None:
            self.first = signal_number
            raise Interrupted(signal_number)

    def check(self) -> None:
        """Raise again an interruption that was swallowed.

        Raises:
            Interrupted: a signal came.
        """
        if self.first is not None:
            raise Interrupted(self.first)

    def forward(self, wakeup: int, main_thread: int) -> None:
        """Wait for a signal, and wake the main thread until it has handled one.

        Args:
            wakeup: reading end of Python's wake-up descriptor.
            main_thread: identifier of the main thread.
        """
        while came := os.read(wakeup, 1):
            while self.first is None and not self._is_over.wait(_POKE_INTERVAL_S):
                signal.pthread_kill(main_thread, came[0])

    def end(self) -> None:
        """Declare that signals are no longer watched."""
        self._is_over.set()

    @contextmanager
    def surfacing(self) -> Iterator[None]:
        """Raise an interruption of the block as ``Interrupted``.

        An exception inside another library's callback or initialisation can turn into another
        error, or disappear.
        """
        try:
            yield
        except (Exception, KeyboardInterrupt):
            self.check()
            raise
        self.check()


@contextmanager
def interruptible() -> Iterator[Signals]:
    """Raise ``Interrupted`` in the main thread on the first signal; ignore all later ones.

    A signal that the process ignores already (``nohup``, background jobs) stays ignored. After an
    interruption all signals are ignored, because the process is about to end with the code of the
    first.
    """
    signals = Signals()
    watched = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signals.note) for number in watched}
    try:
        with signals.surfacing(), _forwarding(signals):
            yield signals
    finally:
        for number, handler in before.items():
            # At its end, the interpreter would restore the system's deadly default.
            signal.signal(number, handler if signals.first is None else signal.SIG_IGN)


@contextmanager
def _forwarding(signals: Signals) -> Iterator[None]:
    if not hasattr(signal, "pthread_kill"):
        # On Windows signals come to the main thread anyway.
        yield
        return
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
