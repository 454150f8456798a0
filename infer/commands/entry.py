"""Where the installed commands begin: signals first, everything else after.

Importing the rest takes a tenth of a second or more, and Python answers Ctrl-C in an import with a
traceback. Until a command takes signals over, one simply ends the process.
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


def _end_on_signals() -> None:
    for number in _ENDING:
        # One that the process ignores (``nohup``, background jobs) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _ignore_signals() -> None:
    """Let the exit code stand: all is done, and the interpreter only tidies up."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def leave_signals_to_the_command() -> None:
    """Put Python's own handlers back, for commands that expect them."""
    for number in _ENDING:
        if signal.getsignal(number) is _end:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)


def scan_folder() -> NoReturn:
    """Entry point of ``scan-folder``."""
    _end_on_signals()
    try:
        from .run import run
        from .scan import scan

        run(scan)
    finally:
        _ignore_signals()


def trustthepixels() -> NoReturn:
    """Entry point of ``trustthepixels``."""
    _end_on_signals()
    try:
        from .main import group
        from .run import run

        run(group)
    finally:
        _ignore_signals()
