"""One part of a folder of rows: the bytes of its rows, and back.

A part has the columns of a scan and two more. ``root`` is the number of the root that led to the
file. ``version`` is an object's size and a number for its ETag, empty where they are unknown. So
rows have an order, and a resumed scan knows what has changed; ``merge`` leaves both columns out.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from ...choices import RowFormat
from ...errors import InputError
from ...results import ScanRow, is_address
from ..lines import NotRowsError, parsed_lines
from ..rows import COLUMNS, Columns, encode_row, header, unescape_path
from ..run_identity import Json
from ..stamps import Stamp

ROOT, VERSION = "root", "version"
"""Names of the columns that a part alone has."""

_PATH, _STATUS, _VERDICT = (COLUMNS.index(name) for name in ("path", "status", "verdict"))
_ENDS = {
    RowFormat.CSV: re.compile(rb",([0-9]{1,9}),([0-9]+-[0-9a-f]{16})?\r\Z"),
    RowFormat.JSONL: re.compile(
        rb', "root": ([0-9]{1,9}), "version": (?:"([0-9]+-[0-9a-f]{16})"|null)\}\Z'
    ),
}
_LONGEST_END = 100


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row with its place in the order of a scan.

    Attributes:
        root: number of the root that led to its file.
        key: what sorts the rows of a root, as ``order_of`` returns it.
        path: path of the file.
        line: the row's line, as a scan writes it to a file.
        values: texts in the order of the columns, empty for nothing.
        stamp: size and tag of the object; ``None`` if unknown.
    """

    root: int
    key: bytes
    path: bytes
    line: bytes
    values: Sequence[str]
    stamp: Stamp | None

    @property
    def status(self) -> str:
        """Status of the file."""
        return self.values[_STATUS]

    @property
    def verdict(self) -> str:
        """Verdict on the file; empty if there is none."""
        return self.values[_VERDICT]


@dataclass(frozen=True, slots=True)
class Part:
    """Description of a part in a manifest.

    Attributes:
        name: its name.
        rows: number of its rows.
        size: bytes.
        sha256: digest of its content, in hexadecimal digits.
        root: number of its first row's root.
        path: its first row's path, as the row shows it.
        replaced: numbers of rows that have a newer one in another part, from 0 on.
    """

    name: str
    rows: int
    size: int
    sha256: str
    root: int
    path: str
    replaced: Sequence[int] = ()

    @classmethod
    def of(cls, values: dict[str, Json]) -> Self:
        """Return the part that ``to_json`` described.

        Raises:
            TypeError: the values are not those of a part.
        """
        part = cls(**values)  # type: ignore[arg-type]
        kinds = {"name": str, "rows": int, "size": int, "sha256": str, "root": int, "path": str}
        kinds["replaced"] = list
        if any(type(getattr(part, name)) is not kind for name, kind in kinds.items()):
            raise TypeError("not a part")
        if any(type(number) is not int for number in part.replaced):
            raise TypeError("not numbers of rows")
        return part

    def to_json(self) -> dict[str, Json]:
        """Return the values for a manifest."""
        return asdict(self)

    @property
    def place(self) -> tuple[int, bytes]:
        """Root and key of the first row."""
        return self.root, order_of(unescape_path(self.path))


def part_header(row_format: RowFormat, columns: Columns) -> bytes:
    """Return the beginning of a part."""
    first = header(row_format, columns)
    return first and first.removesuffix(b"\r\n") + f",{ROOT},{VERSION}\r\n".encode()


def part_line(
    row: ScanRow, root: int, stamp: Stamp | None, row_format: RowFormat, columns: Columns
) -> bytes:
    """Return one row of a part as one line of bytes, line end included."""
    line = encode_row(row, row_format, columns)
    version = "" if stamp is None else f"{stamp[0]}-{stamp[1] % (1 << 64):016x}"
    if row_format is RowFormat.CSV:
        return line.removesuffix(b"\r\n") + f",{root},{version}\r\n".encode()
    values = json.dumps({ROOT: root, VERSION: version or None})
    return line.removesuffix(b"}\n") + f", {values.removeprefix('{')}\n".encode()


def part_of(name: str, content: bytes, rows: Sequence[PlacedRow]) -> Part:
    """Return the description of a part whose rows were read.

    Raises:
        InputError: it has no row.
    """
    if not rows:
        raise InputError(f"{name}: a part without rows")
    digest = hashlib.sha256(content).hexdigest()
    return Part(name, len(rows), len(content), digest, rows[0].root, rows[0].values[_PATH])


def rows_of_part(
    name: str, content: bytes, row_format: RowFormat, columns: Columns
) -> Iterator[PlacedRow]:
    """Yield the rows of a part, in their order.

    Raises:
        InputError: the content is not that of a part.
    """
    first = part_header(row_format, columns)
    if not content.startswith(first) or not content.endswith(b"\n"):
        raise InputError(f"{name} does not hold rows of this version (its header or end differs)")
    ends: list[tuple[int, Stamp | None]] = []
    lines = _without_ends(content[len(first) : -1].split(b"\n"), row_format, ends)
    try:
        for line, values in parsed_lines(lines, row_format, columns):
            root, stamp = ends.pop()
            path = unescape_path(values[_PATH])
            yield PlacedRow(root, order_of(path), path, line, values, stamp)
    except NotRowsError as error:
        raise InputError(f"{name} does not hold rows of this version ({error})") from error


def order_of(path: bytes) -> bytes:
    """Return what sorts paths below one root as the walk and stores sort them."""
    # A name may hold bytes that are less than the slash's, so folders end with the least of all.
    return path if is_address(path) else path.replace(b"/", b"\0")


def _without_ends(
    lines: Iterable[bytes], row_format: RowFormat, ends: list[tuple[int, Stamp | None]]
) -> Iterator[bytes]:
    """Yield each line as a scan writes it to a file; its root and version go to ``ends``."""
    for line in lines:
        found = _ENDS[row_format].search(line, max(0, len(line) - _LONGEST_END))
        if found is None:
            raise NotRowsError("a line has no root")
        ends.append((int(found[1]), None if not found[2] else _stamp(found[2])))
        yield line[: found.start()] + (b"\r\n" if row_format is RowFormat.CSV else b"}\n")


def _stamp(version: bytes) -> Stamp:
    size, _, tag = version.decode().partition("-")
    number = int(tag, 16)
    return int(size), number - (1 << 64) if number >> 63 else number
