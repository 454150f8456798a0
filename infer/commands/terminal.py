"""What a terminal is shown: our lines, without control characters, and nothing of the decoders'."""

import os
import sys
import unicodedata
import warnings
from typing import TYPE_CHECKING

import click

from ..devices import Device

if TYPE_CHECKING:
    from ..session import Session

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, reorder or hide text: control, format (which holds the
bidirectional overrides), private use, surrogates, line and paragraph separators."""

_KEPT = frozenset({"\u200c", "\u200d"})
"""Joiners that emoji and several scripts need."""


def printable(text: object) -> str:
    """The text with everything that a terminal would act on written as a backslash escape.

    Bytes of a file name that are not UTF-8, which Python carries as surrogates, become ``\\xNN``.
    """
    return "".join(_escaped(character) for character in str(text))


def _escaped(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()


def note(text: str) -> None:
    """Write one line to standard error, for the person who watches."""
    click.echo(printable(text), err=True)


def note_device(session: "Session", asked: Device) -> None:
    """Say where the model runs, if that was left to us."""
    if session.fallback_reason:
        note(f"running on the CPU, because the GPU cannot be used: {session.fallback_reason}")
    elif asked is Device.AUTO:
        note(f"running on the device '{session.device}' ({session.provider})")


def quiet_decoders() -> None:
    """Keep what image decoders say about odd files away from standard error, for good.

    Pillow warns, and C libraries below it write to descriptor 2 on their own, with text from the
    file. What they mean arrives as an exception too. Our own lines go on to the old standard error.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if sys.stderr is None:
        return
    sys.stderr.flush()
    ours = os.dup(_STDERR)
    encoding = sys.stderr.encoding
    sys.stderr = os.fdopen(ours, "w", buffering=1, encoding=encoding, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)


_STDERR = 2
