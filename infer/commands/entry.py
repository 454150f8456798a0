"""Where the installed commands begin: signals first, everything else after.

Importing the rest takes a tenth of a second or more, and Python answers Ctrl-C in an import with a
traceback. Until a command takes signals over, one simply ends the process.
"""

from typing import NoReturn

from .early_signals import end_on_signals, ignore_signals


def scan_folder() -> NoReturn:
    """Entry point of ``scan-folder``."""
    end_on_signals()
    try:
        from .run import run
        from .scan import scan

        run(scan)
    finally:
        ignore_signals()


def trustthepixels() -> NoReturn:
    """Entry point of ``trustthepixels``."""
    end_on_signals()
    try:
        from .main import group
        from .run import run

        run(group)
    finally:
        ignore_signals()
