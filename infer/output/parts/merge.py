"""Rows of all shards in the order of one scan: its bytes, from its parts.

The walk gives a root's files in the order of the names on their paths, and a store in the order of
its keys. So the number of its root and its path say where a row belongs, whatever was added or
removed between the shards' scans. Parts are read side by side, a block of each at a time.
"""

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from ...choices import Existing
from ...errors import InputError, OutputError
from ..finished import FinishedRows, finished_rows
from ..rows import header, unescape_path
from ..run_identity import RunIdentity, state_path
from ..stamps import remove_stamps
from ..whole_file import check_absent, whole_file
from .part import order_of
from .record import read_record, remove_record
from .shard import Shard

_SHARD = "--shard"
_MEMORY = 64 << 20
"""Bytes of all parts that are held at a time."""
_LARGEST_BLOCK = 1 << 20
_SMALLEST_BLOCK = 1 << 13

Placed = tuple[int, bytes, bytes]
"""Root and key, by which rows are sorted, and the row's line."""


def merge_parts(parts: Sequence[str], out: str, existing: Existing) -> int:
    """Write the rows of all shards of a scan to one file; return their number.

    Args:
        parts: paths of the shards' finished outputs, in any order.
        out: path to write.
        existing: ``REFUSE`` never replaces a file; any other policy does, at the end.

    Raises:
        InputError: a part is missing, doubled, unfinished or damaged, or of another scan.
        OutputError: the file exists, belongs to a scan that did not end, or cannot be written.
    """
    rows = [finished_rows(part) for part in parts]
    _check(rows)
    # Without rows, JSON lines do not tell their columns.
    first = next((part for part in rows if part.size), rows[0])
    block = max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, _MEMORY // len(rows)))
    lines = (line for _, _, line in heapq.merge(*(_placed(part, block) for part in rows)))
    beginning = header(first.row_format, first.columns, first.mark)
    return write_merged(out, existing, beginning, lines)


def write_merged(out: str, existing: Existing, beginning: bytes, lines: Iterable[bytes]) -> int:
    """Write rows to one file, whole or not at all; return their number.

    Args:
        out: path to write.
        existing: ``REFUSE`` never replaces a file; any other policy does, at the end.
        beginning: header of the file.
        lines: lines of the rows, in their order.

    Raises:
        OutputError: the file exists, belongs to a scan that did not end, or cannot be written.
    """
    count = 0
    check_absent(out, existing)
    if os.path.lexists(state_path(out)):
        raise OutputError(f"{out}: a scan into it did not end; choose another name")
    with whole_file(out, existing) as path, path.open("wb") as file:
        file.write(beginning)
        for line in lines:
            file.write(line)
            count += 1
    # They would vouch for rows that are gone.
    remove_stamps(out)
    remove_record(out)
    return count


def _check(parts: Sequence[FinishedRows]) -> None:
    """Refuse parts that are not all shards of one scan, each once.

    Raises:
        InputError: the text says what is wrong with which part.
    """
    first, seen = parts[0], dict[int, str]()
    identity, shard = _shard_of(first)
    for part in parts:
        other, own = _shard_of(part)
        if difference := _of_whole(identity).difference(_of_whole(other)):
            raise InputError(f"{first.path} and {part.path} are of different scans: {difference}")
        if own.count != shard.count:
            raise InputError(
                f"{first.path} and {part.path} are of different scans: --shard was {shard} and is "
                f"{own}"
            )
        if own.number in seen:
            raise InputError(f"{seen[own.number]} and {part.path} are both shard {own}; name one")
        if part.size and first.size and _form(part) != _form(first):
            raise InputError(
                f"{first.path} and {part.path} have different formats; repeat one of the scans"
            )
        seen[own.number] = part.path
    missing = sorted(set(range(1, shard.count + 1)) - seen.keys())
    if missing:
        shown = ", ".join(f"{number}/{shard.count}" for number in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise InputError(f"shards are missing: {shown}{more}; name the outputs of all of them")


def _shard_of(part: FinishedRows) -> tuple[RunIdentity, Shard]:
    identity, _ = read_record(part.path)
    return identity, Shard.of(str(identity.values.get(_SHARD)))


def _of_whole(identity: RunIdentity) -> RunIdentity:
    return RunIdentity({k: value for k, value in identity.values.items() if k != _SHARD})


def _form(part: FinishedRows) -> tuple[object, ...]:
    return part.row_format, part.columns, part.mark


def _placed(part: FinishedRows, block: int) -> Iterator[Placed]:
    """Yield the rows of one part in their order.

    Raises:
        InputError: the part and its record do not fit.
    """
    _, roots = read_record(part.path)
    for row, root in zip_longest(part.lines(block), roots):
        if row is None or root is None:
            raise InputError(
                f"{part.path} and its record do not fit; scan this shard again with --force"
            )
        line, values = row
        yield root, order_of(unescape_path(values[0])), line
