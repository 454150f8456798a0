"""Signals before a command handles them itself: one ends the process at once.

Importing the rest takes a tenth of a second or more, and Python answers Ctrl-C in an import with a
traceback. Standard library only.
"""

import os
import signal
from types import FrameType
from typing import NoReturn

_ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def _end(signal_number: int, _frame: FrameType | None) -> NoReturn:
    # Nothing was begun, so nothing has to be put in order.
    os._exit(128 + signal_number)


def end_on_signals() -> None:
    """End the process on signals, except on those that it ignores."""
    for number in _ENDING:
        # One that the process ignores (``nohup``, background jobs) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def ignore_signals() -> None:
    """Let the exit code stand: all is done, and the interpreter only tidies up."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def leave_signals_to_the_command() -> None:
    """Put Python's own handlers back, for commands that expect them."""
    for number in _ENDING:
        if signal.getsignal(number) is _end:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
