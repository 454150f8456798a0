"""Rows of all shards in the order of one scan: its bytes, from its parts.

The walk gives a root's files in the order of the names on their paths, and a store in the order of
its keys. So the number of its root and its path say where a row belongs, whatever was added or
removed between the shards' scans. Parts are read side by side, a block of each at a time. A part
that was resumed can have new rows behind later ones. Such parts are cut into runs in order.
"""

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...choices import Existing
from ...errors import InputError, OutputError
from ..finished import FinishedRows, finished_rows
from ..rows import header, unescape_path
from ..run_identity import RunIdentity, state_path
from ..stamps import remove_stamps
from ..whole_file import check_absent, whole_file
from .part import order_of
from .record import Roots, read_record, remove_record
from .shard import Shard

_SHARD = "--shard"
_MEMORY = 64 << 20
"""Bytes of all parts that are held at a time."""
_LARGEST_BLOCK = 1 << 20
_SMALLEST_BLOCK = 1 << 13

Place = tuple[int, bytes]
"""Root and key, by which rows are sorted."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Rows of a part that follow each other.

    Attributes:
        part: the part.
        start: place of the first row in bytes.
        end: place behind the last row.
        passed: number of the part's entries in the record that belong to earlier rows.
    """

    part: FinishedRows
    start: int
    end: int
    passed: int = 0


class _NotInOrderError(Exception):
    """A row of a run belongs before the one before it."""


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
    beginning = header(first.row_format, first.columns, first.mark)
    try:
        whole = [_Run(part, part.start, part.size) for part in rows if part.size]
        return write_merged(out, existing, beginning, _merged(whole))
    except _NotInOrderError:
        runs = [run for part in rows if part.size for run in _runs(part)]
        return write_merged(out, existing, beginning, _merged(runs))


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
        # They would vouch for other rows, also after a kill at this place.
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
    formed = next((part for part in parts if part.size), first)
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
        if part.size and _form(part) != _form(formed):
            raise InputError(
                f"{formed.path} and {part.path} have different formats; repeat one of the scans"
            )
        seen[own.number] = part.path
    missing = sorted(set(range(1, shard.count + 1)) - seen.keys())
    if missing:
        shown = ", ".join(f"{number}/{shard.count}" for number in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise InputError(f"shards are missing: {shown}{more}; name the outputs of all of them")


def _shard_of(part: FinishedRows) -> tuple[RunIdentity, Shard]:
    identity, size = read_record(part.path)
    if size != part.size:
        raise _do_not_fit(part)
    return identity, Shard.of(str(identity.values.get(_SHARD)))


def _do_not_fit(part: FinishedRows) -> InputError:
    return InputError(f"{part.path} and its record do not fit; scan this shard again with --force")


def _of_whole(identity: RunIdentity) -> RunIdentity:
    return RunIdentity({k: value for k, value in identity.values.items() if k != _SHARD})


def _form(part: FinishedRows) -> tuple[object, ...]:
    return part.row_format, part.columns, part.mark


def _merged(runs: Sequence[_Run]) -> Iterator[bytes]:
    """Yield the lines of runs in their order.

    Raises:
        InputError: a part and its record do not fit.
        _NotInOrderError: a run is not in order.
    """
    block = max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, _MEMORY // max(1, len(runs))))
    yield from (line for _, line in heapq.merge(*(_in_order(run, block) for run in runs)))


def _in_order(run: _Run, block: int) -> Iterator[tuple[Place, bytes]]:
    last: Place = (0, b"")
    for place, line, _ in _placed(run, block):
        if place < last:
            raise _NotInOrderError
        last = place
        yield place, line


def _runs(part: FinishedRows) -> Iterator[_Run]:
    """Cut a part into runs that are in order, as few as possible."""
    start, end, passed, last = part.start, part.start, 0, (0, b"")
    for place, line, before in _placed(_Run(part, part.start, part.size), _LARGEST_BLOCK):
        if place < last:
            yield _Run(part, start, end, passed)
            start, passed = end, before
        end += len(line)
        last = place
    yield _Run(part, start, end, passed)


def _placed(run: _Run, block: int) -> Iterator[tuple[Place, bytes, int]]:
    """Yield the place of each row, its line, and the number of entries that belong before it.

    Raises:
        InputError: the part and its record do not fit.
    """
    roots = Roots(run.part.path, run.passed)
    for line, values in run.part.lines(block, run.start, run.end):
        name, before = unescape_path(values[0]), roots.passed
        root = roots.next_of(name)
        if root is None:
            raise _do_not_fit(run.part)
        yield (root, order_of(name)), line, before
