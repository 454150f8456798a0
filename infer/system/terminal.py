"""Text for terminals: one line at a time, without control characters."""

import unicodedata

import click

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, reorder or hide text: control, format (which holds the
bidirectional overrides), private use, surrogates, line and paragraph separators."""


_KEPT = frozenset({"\u200c", "\u200d"})
"""Joiners that emoji and several scripts need."""


def printable(text: object) -> str:
    """Return the text with backslash escapes for everything that a terminal would act on.

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
