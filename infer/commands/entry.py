"""Entry points of the installed commands: signals first, everything else after.

Importing the rest takes a tenth of a second or more, and Python answers Ctrl-C in an import with a
traceback. Until a command handles signals, the first one simply ends the process.
"""

from importlib import import_module
from typing import NoReturn

from .early_signals import end_on_signals, ignore_signals


def scan_folder() -> NoReturn:
    """Run ``scan-folder``."""
    _run("scan", "scan")


def trustthepixels() -> NoReturn:
    """Run ``trustthepixels``."""
    _run("main", "group")


def _run(module: str, command: str) -> NoReturn:
    end_on_signals()
    try:
        run = import_module(".run", __package__).run
        run(getattr(import_module(f".{module}", __package__), command))
    finally:
        ignore_signals()
    raise AssertionError("run always exits")
