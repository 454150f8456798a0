"""Rows of a folder in the order of one scan, read part by part.

A part is read when its first row is due, so memory depends on how many parts overlap. Those of one
run follow each other; a resumed run adds parts that lie beside the earlier ones.
"""

import hashlib
import heapq
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace

from ...choices import Existing
from ...errors import InputError
from ..rows import header
from .folder import PartName, RowsFolder
from .manifest import Manifest, Run, Totals, read_manifest, read_run
from .merge import write_merged
from .part import Part, PlacedRow, rows_of_part


def merge_folder(folder: RowsFolder, out: str, existing: Existing) -> int:
    """Write the rows of a folder to one file, as one scan would have; return their number.

    Args:
        folder: folder of rows.
        out: path to write.
        existing: ``REFUSE`` never replaces a file; any other policy does, at the end.

    Raises:
        InputError: the folder has no complete rows, or a part is missing or damaged.
        OutputError: the file exists, or cannot be written.
    """
    run, manifest = read_run(folder), read_manifest(folder)
    if run is None:
        raise InputError(f"{folder.shown}: no rows of a scan; name the folder that --out named")
    if manifest is None or manifest.run.name != run.name:
        raise InputError(f"{folder.shown}: its scan did not end; continue it with --resume first")
    first = header(manifest.run.row_format, manifest.run.columns)
    return write_merged(out, existing, first, _checked_lines(folder, manifest))


def _checked_lines(folder: RowsFolder, manifest: Manifest) -> Iterator[bytes]:
    totals = Totals()
    for row in merged_rows(folder, manifest.run, manifest.parts):
        totals.add(row)
        yield row.line
    if totals != manifest.totals:
        raise InputError(
            f"{folder.shown}: its parts do not have the rows that its manifest counts; scan again "
            "with --force"
        )


def merged_rows(folder: RowsFolder, run: Run, parts: Iterable[Part]) -> Iterator[PlacedRow]:
    """Yield the rows of parts by root and key, but for those that have a newer one.

    Args:
        folder: folder of the parts.
        run: their run.
        parts: the parts, in any order.

    Raises:
        InputError: a part is missing, or differs from its description.
    """

    def opened(part: Part) -> Iterator[PlacedRow]:
        replaced = frozenset(part.replaced)
        rows = enumerate(_rows(folder, run, part))
        return (row for number, row in rows if number not in replaced)

    yield from _sorted_rows(parts, opened)


def with_replaced(
    folder: RowsFolder,
    run: Run,
    parts: Iterable[Part],
    doubled: Container[int],
    mark: Callable[[PlacedRow], int],
    drop: Callable[[PlacedRow], None],
) -> list[Part]:
    """Return descriptions of parts that name the rows which have a newer one.

    A list that was edited gives an object another root, so its rows need not lie side by side.

    Args:
        folder: folder of the parts.
        run: their run.
        parts: the parts, in any order.
        doubled: marks of which more than one row can have one.
        mark: returns what rows of one object have in common.
        drop: takes each row that has a newer one.

    Raises:
        InputError: a part is missing, or differs from its description.
    """
    seen = set[int]()
    described = []
    for part in sorted(parts, key=_age, reverse=True):
        replaced = []
        for number, row in reversed([*enumerate(_rows(folder, run, part))]):
            value = mark(row)
            if value in seen:
                replaced.append(number)
                drop(row)
            elif value in doubled:
                seen.add(value)
        described.append(replace(part, replaced=replaced[::-1]))
    return described


def _sorted_rows(
    parts: Iterable[Part], opened: Callable[[Part], Iterator[PlacedRow]]
) -> Iterator[PlacedRow]:
    """Yield all rows by root, key and age of their part; a part is opened when it is due."""
    waiting = sorted(((part.place, _age(part), part) for part in parts), reverse=True)
    heap: list[tuple[tuple[int, bytes], tuple[int, int, str], PlacedRow, Iterator[PlacedRow]]] = []
    while waiting or heap:
        if waiting and (not heap or waiting[-1][0] <= heap[0][0]):
            _, age, part = waiting.pop()
            rows = opened(part)
        else:
            _, age, row, rows = heapq.heappop(heap)
            yield row
        following = next(rows, None)
        if following is not None:
            heapq.heappush(heap, ((following.root, following.key), age, following, rows))


def _age(part: Part) -> tuple[int, int, str]:
    name = PartName.of(part.name)
    return (name.attempt, name.number, part.name) if name is not None else (0, 0, part.name)


def _rows(folder: RowsFolder, run: Run, part: Part) -> Iterator[PlacedRow]:
    content = folder.read(part.name)
    if content is None:
        raise InputError(f"{folder.shown}: its part {part.name} is missing")
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise InputError(f"{folder.shown}: its part {part.name} is damaged, or was changed")
    return rows_of_part(part.name, content, run.row_format, run.columns)


def parts_in_order(parts: Iterable[Part]) -> Sequence[Part]:
    """Return parts as a manifest lists them: by the place of their first row."""
    return sorted(parts, key=lambda part: (part.place, _age(part)))
