r"""Rows as bytes: CSV (RFC 4180, UTF-8, lines end with CR LF) and JSON lines (UTF-8, LF).

**Paths.** A file name is any bytes but NUL and ``/``; a row must be text of one line that does
nothing to a terminal or a spreadsheet, and the bytes must come back. So, in both formats:

- ``\\`` stands for a backslash;
- ``\xNN`` stands for the byte with that hexadecimal value: bytes that are not UTF-8, control
  characters, line and paragraph separators, the byte order mark, and the marks that change the
  direction of writing, byte by byte;
- everything else stands for itself;
- a path that would start a formula in a spreadsheet (``= + - @``, also full-width) gets ``./`` in
  front, and so does one that already looks like that.

``unescape_path`` reverses all of it. No row contains a line break, so a row is a line.

**Errors and notes** are escaped like paths, and begin with ``error:`` or ``note:`` where they would
start a formula.
"""

import csv
import io
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ..choices import Mark, RowFormat
from ..results import (
    P_AI_DECIMALS,
    FileStatus,
    Origin,
    OriginGrade,
    Provenance,
    ScanRow,
    Verdict,
    VerdictLabel,
)

Value = str | int | float | None
"""Value of a column in one row; ``None`` is empty in CSV and ``null`` in JSON."""


class Columns(Enum):
    """Set of columns in the rows."""

    USUAL = auto()
    WITH_PROVENANCE = auto()
    """The usual columns, then a file's statements about its origin."""


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
    r"""Return a path's bytes from a row's ``path``.

    >>> unescape_path("a\\x0ab.jpg"), unescape_path("./=1.jpg"), unescape_path("caf\\xe9.jpg")
    (b'a\nb.jpg', b'=1.jpg', b'caf\xe9.jpg')
    """
    if _HAS_PREFIX.match(text):
        text = text[2:]
    return _ESCAPE.sub(_unescaped, text.encode())


def header(
    row_format: RowFormat, columns: Columns = Columns.USUAL, mark: Mark = Mark.NONE
) -> bytes:
    """Return the beginning of a file of rows; ``mark`` has no effect on JSON lines."""
    if row_format is not RowFormat.CSV:
        return b""
    names = _csv_line(names_of(columns))
    return BOM_UTF8 + names if mark is Mark.BYTE_ORDER else names


def encode_row(row: ScanRow, row_format: RowFormat, columns: Columns = Columns.USUAL) -> bytes:
    """Return one row as one line of bytes, line end included."""
    if row_format is RowFormat.CSV:
        return _csv_line([column.csv_text(row) for column in _TABLES[columns]])
    return json.dumps(json_values(row, columns), ensure_ascii=False).encode() + b"\n"


def json_values(row: ScanRow, columns: Columns = Columns.USUAL) -> dict[str, Value]:
    """Return one row as the values of a JSON object, by the names of the columns."""
    return {column.name: column.json_value(row) for column in _TABLES[columns]}


def decode_row(values: Sequence[str]) -> ScanRow:
    """Return the row that was written with these texts; ``encode_row`` writes them again.

    Args:
        values: texts in the order of ``COLUMNS``, empty for nothing; then those of provenance, if
            any.

    Raises:
        ValueError: the texts are not those of a row.
    """
    has_provenance = len(values) > len(COLUMNS)
    columns = Columns.WITH_PROVENANCE if has_provenance else Columns.USUAL
    texts = dict(zip(names_of(columns), values, strict=True))
    label, width, height, size = (texts[name] for name in ("verdict", "width", "height", "bytes"))
    return ScanRow(
        path=unescape_path(texts["path"]).decode("utf-8", "surrogateescape"),
        status=FileStatus(texts["status"]),
        verdict=Verdict(VerdictLabel(label), float(texts["p_ai"])) if label else None,
        width=int(width) if width else None,
        height=int(height) if height else None,
        format=texts["format"],
        bytes=int(size) if size else None,
        error=_unescape_text(texts["error"], "error"),
        note=_unescape_text(texts["note"], "note"),
        provenance=_provenance_of(texts) if has_provenance else None,
    )


def _provenance_of(texts: Mapping[str, str]) -> Provenance:
    evidence = texts["origin_evidence"]
    return Provenance(
        Origin(texts["origin"]),
        OriginGrade(texts["origin_grade"]),
        tuple(evidence.split(";")) if evidence else (),
    )


def _csv_line(values: Iterable[Value]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().encode()


def _escape_text(text: str, column: str) -> str:
    escaped = _escape(text)
    return f"{column}: {escaped}" if _STARTS_FORMULA.match(escaped) else escaped


def _unescape_text(text: str, column: str) -> str:
    prefix = f"{column}: "
    if text.startswith(prefix) and _STARTS_FORMULA.match(text, len(prefix)):
        text = text[len(prefix) :]
    return _ESCAPE.sub(_unescaped, text.encode()).decode("utf-8", "surrogateescape")


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


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the output.

    Attributes:
        name: name in the header, and key in JSON.
        csv_text: returns the value of a row in CSV.
        json_value: returns the value of a row in JSON lines.
    """

    name: str
    csv_text: Callable[[ScanRow], Value]
    json_value: Callable[[ScanRow], Value]


def _same(name: str, value: Callable[[ScanRow], Value]) -> Column:
    """Return a column with one value for both formats."""
    return Column(name, value, value)


def _verdict(row: ScanRow) -> str | None:
    return None if row.verdict is None else row.verdict.label.value


def _p_ai(row: ScanRow) -> float | None:
    return None if row.verdict is None else row.verdict.p_ai


def _p_ai_text(row: ScanRow) -> str | None:
    return None if row.verdict is None else f"{row.verdict.p_ai:.{P_AI_DECIMALS}f}"


def _error(row: ScanRow) -> str:
    return _escape_text(row.error, "error")


def _error_of_failed(row: ScanRow) -> str | None:
    return None if row.status is FileStatus.OK else _error(row)


TABLE = (
    _same("path", lambda row: escape_path(row.path)),
    _same("status", lambda row: row.status.value),
    _same("verdict", _verdict),
    Column("p_ai", _p_ai_text, _p_ai),
    _same("width", lambda row: row.width),
    _same("height", lambda row: row.height),
    _same("format", lambda row: row.format or None),
    _same("bytes", lambda row: row.bytes),
    Column("error", _error, _error_of_failed),
    _same("note", lambda row: _escape_text(row.note, "note") or None),
)
"""All columns in their order. A new one is a line here and a field of ``ScanRow``."""

COLUMNS = tuple(column.name for column in TABLE)
"""Names of all columns."""


def _stated(name: str, value: Callable[[Provenance], str]) -> Column:
    """Return a column of provenance."""
    return _same(
        name, lambda row: None if row.provenance is None else value(row.provenance) or None
    )


PROVENANCE_TABLE = (
    _stated("origin", lambda stated: stated.origin.value),
    _stated("origin_grade", lambda stated: stated.grade.value),
    _stated("origin_evidence", lambda stated: ";".join(stated.evidence)),
)
"""Columns of rows with provenance alone."""

_TABLES = {Columns.USUAL: TABLE, Columns.WITH_PROVENANCE: (*TABLE, *PROVENANCE_TABLE)}


def names_of(columns: Columns) -> tuple[str, ...]:
    """Return the names of columns, in their order."""
    return tuple(column.name for column in _TABLES[columns])
