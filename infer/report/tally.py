"""One pass over rows: counts, a histogram, and the few rows that a page shows.

Memory does not grow with the number of rows. Of each kind only the rows to be shown are kept: heaps
for the most extreme ones, a random sample for the pictures called real.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from ..model.verdicts import VerdictRule
from ..output.finished import CommonFolder
from ..output.rows import COLUMNS, PROVENANCE_TABLE
from ..results import Origin, OriginGrade, VerdictLabel

BINS = 50
"""Bars of the histogram of ``p_ai``."""

MOST_FAILURES = 500
"""Failed files that a page lists; the rest is counted."""

_SEED = 17
"""Seed of the sample, so that the same rows give the same page."""

_PATH, _STATUS, _VERDICT, _P_AI, _WIDTH, _HEIGHT, _BYTES, _ERROR, _NOTE = (
    COLUMNS.index(name)
    for name in ("path", "status", "verdict", "p_ai", "width", "height", "bytes", "error", "note")
)
_ORIGIN, _GRADE, _EVIDENCE = range(len(COLUMNS), len(COLUMNS) + len(PROVENANCE_TABLE))

_DOUBT = "doubt: "
"""Mark in the note of a picture that is ``unsure`` at any ``p_ai``."""

_CONTRADICTIONS = {
    (Origin.AI.value, VerdictLabel.REAL.value),
    (Origin.CAMERA.value, VerdictLabel.AI.value),
}
"""Pairs of what a file states and what the model calls it that exclude each other."""

_STRENGTH = {grade.value: -place for place, grade in enumerate(OriginGrade)}
"""Rank of a grade; the best is the largest."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A row on a page.

    Attributes:
        path: path as the row has it, escaped; see ``output.rows``.
        verdict: ``ai``, ``unsure`` or ``real``; empty for a failed file.
        p_ai: probability, 0 to 1; ``None`` for a failed file.
        size: width and height in pixels; ``None`` if unknown.
        bytes: size of the file when it was scanned; ``None`` if unknown.
        note: what to know about the verdict.
        status: status of the row.
        error: reason of a failure.
        stated: what the file states about its origin, in words; mostly empty.
    """

    path: str
    verdict: str = ""
    p_ai: float | None = None
    size: tuple[int, int] | None = None
    bytes: int | None = None
    note: str = ""
    status: str = "ok"
    error: str = ""
    stated: str = ""


@dataclass(slots=True)
class Range:
    """Smallest and largest ``p_ai`` of the pictures with one verdict and without a doubt."""

    least: float = 2.0
    most: float = -1.0

    def add(self, p_ai: float) -> None:
        """Widen the range."""
        self.least = min(self.least, p_ai)
        self.most = max(self.most, p_ai)

    @property
    def is_empty(self) -> bool:
        """True if no picture was added."""
        return self.least > self.most


@dataclass(slots=True)
class Tally:
    """Everything that a page says about its rows.

    Attributes:
        files: number of rows.
        verdicts: number of rows with each verdict; the empty text is for failed files.
        statuses: number of failed files by status.
        bins: pictures by verdict and bar of ``p_ai``.
        ranges: range of ``p_ai`` by verdict.
        doubts: number of pictures that are ``unsure`` because of their content.
        contradictions: number of pictures whose own statement contradicts the verdict.
        folder: deepest folder of all files; empty if they have none in common.
        likeliest: pictures with the highest ``p_ai``, highest first.
        highest_unsure: ``unsure`` pictures with the highest ``p_ai``, highest first.
        lowest_unsure: ``unsure`` pictures with the lowest ``p_ai``, lowest first.
        real: random sample of the pictures called ``real``, in the order of the rows.
        contradicting: contradictions with the best evidence, best first.
        failed: first failed files.
    """

    files: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    bins: dict[str, list[int]] = field(
        default_factory=lambda: {label.value: [0] * BINS for label in VerdictLabel}
    )
    ranges: dict[str, Range] = field(
        default_factory=lambda: {label.value: Range() for label in VerdictLabel}
    )
    doubts: int = 0
    contradictions: int = 0
    folder: str = ""
    likeliest: list[Shown] = field(default_factory=list)
    highest_unsure: list[Shown] = field(default_factory=list)
    lowest_unsure: list[Shown] = field(default_factory=list)
    real: list[Shown] = field(default_factory=list)
    contradicting: list[Shown] = field(default_factory=list)
    failed: list[Shown] = field(default_factory=list)

    def fits(self, rule: VerdictRule) -> bool:
        """Return whether a rule can have given all these verdicts."""
        ai, unsure, real = (self.ranges[label.value] for label in VerdictLabel)
        if not rule.has_unsure and self.verdicts[VerdictLabel.UNSURE.value]:
            return False
        return (
            (ai.is_empty or ai.least >= rule.ai)
            and (real.is_empty or real.most < rule.real)
            and (unsure.is_empty or (unsure.least >= rule.real and unsure.most < rule.ai))
        )


def tally(rows: Iterable[Sequence[str]], pictures: int, names: int = len(COLUMNS)) -> Tally:
    """Read rows once.

    Args:
        rows: values of each row, as ``FinishedRows`` yields them.
        pictures: most rows of each kind that are kept.
        names: number of columns; with those of provenance, contradictions are found.
    """
    result, common, random = Tally(), CommonFolder(), Random(_SEED)
    likeliest, highest, lowest, contradicting = (_Best(pictures) for _ in range(4))
    sample: list[tuple[int, Sequence[str]]] = []
    has_origin = names > len(COLUMNS)
    unsure, real = VerdictLabel.UNSURE.value, VerdictLabel.REAL.value
    number = 0
    for number, row in enumerate(rows, 1):
        verdict = row[_VERDICT]
        common.add(row[_PATH])
        result.verdicts[verdict] += 1
        if not verdict:
            result.statuses[row[_STATUS]] += 1
            if len(result.failed) < MOST_FAILURES:
                result.failed.append(_shown(row))
            continue
        p_ai = float(row[_P_AI])
        result.bins[verdict][min(int(p_ai * BINS), BINS - 1)] += 1
        likeliest.offer(p_ai, number, row)
        if _DOUBT in row[_NOTE]:
            result.doubts += 1
        else:
            result.ranges[verdict].add(p_ai)
            if verdict == unsure:
                highest.offer(p_ai, number, row)
                lowest.offer(-p_ai, number, row)
        if verdict == real:
            _draw(sample, pictures, random, result.verdicts[real], (number, row))
        if has_origin and (row[_ORIGIN], verdict) in _CONTRADICTIONS:
            result.contradictions += 1
            rank = _STRENGTH[row[_GRADE]] + abs(p_ai - 0.5)
            contradicting.offer(rank, number, row)
    result.files, result.folder = number, common.folder
    result.likeliest, result.contradicting = likeliest.sorted(), contradicting.sorted()
    result.highest_unsure, result.lowest_unsure = highest.sorted(), lowest.sorted()
    result.real = [_shown(row) for _, row in sorted(sample, key=lambda item: item[0])]
    return result


def _draw(
    sample: list[tuple[int, Sequence[str]]],
    size: int,
    random: Random,
    count: int,
    item: tuple[int, Sequence[str]],
) -> None:
    """Add an item to a uniform sample of the first ``count`` items (Vitter's algorithm R)."""
    if len(sample) < size:
        sample.append(item)
        return
    place = int(random.random() * count)
    if place < size:
        sample[place] = item


class _Best:
    """Rows with the highest keys; among equal keys, the earlier row."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[float, int, Sequence[str]]] = []

    def offer(self, key: float, number: int, row: Sequence[str]) -> None:
        """Keep a row, if it is among the best so far."""
        heap = self._heap
        if len(heap) < self._size:
            heapq.heappush(heap, (key, -number, row))
        elif heap and key > heap[0][0]:
            heapq.heapreplace(heap, (key, -number, row))

    def sorted(self) -> list[Shown]:
        """Return the rows, best first."""
        best = sorted(self._heap, key=lambda item: item[:2], reverse=True)
        return [_shown(row) for _, _, row in best]


def _shown(row: Sequence[str]) -> Shown:
    width, height, size = (int(row[i]) if row[i] else None for i in (_WIDTH, _HEIGHT, _BYTES))
    stated = ""
    if len(row) > len(COLUMNS) and row[_ORIGIN]:
        stated = f"the file says {row[_ORIGIN]} ({row[_GRADE]}: {row[_EVIDENCE]})"
    return Shown(
        path=row[_PATH],
        verdict=row[_VERDICT],
        p_ai=float(row[_P_AI]) if row[_P_AI] else None,
        size=(width, height) if width and height else None,
        bytes=size,
        note=row[_NOTE],
        status=row[_STATUS],
        error=row[_ERROR],
        stated=stated,
    )
