"""Signals before a command handles them itself: the first one ends the process at once.

Importing the rest takes a tenth of a second or more, and Python answers Ctrl-C in an import with a
traceback. This module imports the standard library only.
"""

import os
import signal
from types import FrameType
from typing import NoReturn

_ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def _end(signal_number: int, _frame: FrameType | None) -> NoReturn:
    # No work has begun, so nothing has to be cleaned up.
    os._exit(128 + signal_number)


def end_on_signals() -> None:
    """End the process on signals, except on those that it ignores."""
    for number in _ENDING:
        # A signal that the process ignores (``nohup``, background jobs) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def ignore_signals() -> None:
    """Ignore signals, so that the exit code stands while the interpreter ends."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def leave_signals_to_the_command() -> None:
    """Restore Python's own handlers, for commands that expect them."""
    for number in _ENDING:
        if signal.getsignal(number) is _end:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
