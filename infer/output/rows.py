r"""Rows ↔ bytes: CSV (RFC 4180, UTF-8, lines end with CR LF) and JSON lines (UTF-8, LF).

**Paths.** A file name is any bytes but NUL and ``/``; a row must be text of one line that does
nothing to a terminal or a spreadsheet, and the bytes must come back. So, in both formats:

- ``\\`` stands for a backslash;
- ``\xNN`` stands for the byte with that hexadecimal value: bytes that are not UTF-8, control
  characters, line and paragraph separators, the byte order mark, and the marks that change the
  direction of writing, byte by byte;
- everything else stands for itself;
- a path that would start a formula in a spreadsheet (``= + - @``, also full-width) gets ``./`` in
  front, and so does one that already looks like that.

``unescape_path`` takes all of it back. No row contains a line break, so a row is a line.

**Errors and notes** are escaped likewise, and begin with ``error:`` or ``note:`` where they would
start a formula.
"""

import csv
import io
import json
import re
from enum import StrEnum
from typing import Any

from ..results import P_AI_DECIMALS, FileStatus, ScanRow

COLUMNS = (
    "path",
    "status",
    "verdict",
    "p_ai",
    "width",
    "height",
    "format",
    "bytes",
    "error",
    "note",
)


class RowFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


_ESCAPED = re.compile(
    r"[\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")
_FORMULA = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
_STARTS_FORMULA = re.compile(_FORMULA)
_NEEDS_PREFIX = re.compile(rf"(\./)*{_FORMULA}")
_HAS_PREFIX = re.compile(rf"\./(\./)*{_FORMULA}")


def escape_path(path: str) -> str:
    r"""Write a path, undecodable bytes as surrogate escapes, as one line of plain text.

    >>> escape_path("a\nb.jpg"), escape_path("=1.jpg"), escape_path("caf\udce9.jpg")
    ('a\\x0ab.jpg', './=1.jpg', 'caf\\xe9.jpg')
    """
    escaped = _escape(path)
    return f"./{escaped}" if _NEEDS_PREFIX.match(escaped) else escaped


def unescape_path(text: str) -> bytes:
    r"""Get a path's bytes back from a row's ``path``.

    >>> unescape_path("a\\x0ab.jpg"), unescape_path("./=1.jpg"), unescape_path("caf\\xe9.jpg")
    (b'a\nb.jpg', b'=1.jpg', b'caf\xe9.jpg')
    """
    if _HAS_PREFIX.match(text):
        text = text[2:]
    return _ESCAPE.sub(_unescaped, text.encode())


def header(row_format: RowFormat) -> bytes:
    """What a file of rows begins with."""
    return _csv_line(COLUMNS) if row_format is RowFormat.CSV else b""


def encode_row(row: ScanRow, row_format: RowFormat) -> bytes:
    """One row as one line of bytes, line end included."""
    verdict = row.verdict
    if row_format is RowFormat.CSV:
        return _csv_line(
            (
                escape_path(row.path),
                row.status.value,
                "" if verdict is None else verdict.label.value,
                "" if verdict is None else f"{verdict.p_ai:.{P_AI_DECIMALS}f}",
                row.width,
                row.height,
                row.format,
                row.bytes,
                _escape_text(row.error, "error"),
                _escape_text(row.note, "note"),
            )
        )
    values: dict[str, Any] = {
        "path": escape_path(row.path),
        "status": row.status.value,
        "verdict": None if verdict is None else verdict.label.value,
        "p_ai": None if verdict is None else verdict.p_ai,
        "width": row.width,
        "height": row.height,
        "format": row.format or None,
        "bytes": row.bytes,
        "error": None if row.status is FileStatus.OK else _escape_text(row.error, "error"),
        "note": _escape_text(row.note, "note") or None,
    }
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _csv_line(values: tuple[object, ...]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().encode()


def _escape_text(text: str, column: str) -> str:
    escaped = _escape(text)
    return f"{column}: {escaped}" if _STARTS_FORMULA.match(escaped) else escaped


def _escape(text: str) -> str:
    return _ESCAPED.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if character == "\\":
        return r"\\"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _unescaped(match: re.Match[bytes]) -> bytes:
    escape = match.group(1)
    return escape if escape == b"\\" else bytes.fromhex(escape[1:].decode())
