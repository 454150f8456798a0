"""Rows in batches of typed values, between the texts of a reader and the formats that are written.

A batch bounds the memory, and its columns are converted one at a time, which is quicker than row by
row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..errors import InputError
from ..output.finished import FinishedRows
from ..output.rows import Value
from ..results import FileStatus

BATCH = 1 << 15
"""Rows of one batch; some 30 MB with paths of usual length."""

WORDS = frozenset({"status", "verdict", "format", "origin", "origin_grade"})
"""Columns with few different values."""

NUMBERS = frozenset({"width", "height", "bytes"})
PROBABILITY = "p_ai"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows by column.

    Attributes:
        names: names of the columns.
        columns: values of each column; ``None`` for nothing.
    """

    names: tuple[str, ...]
    columns: tuple[Sequence[Value], ...]

    def rows(self) -> Iterator[tuple[Value, ...]]:
        """Yield the values of each row."""
        return zip(*self.columns, strict=True)


def batches(rows: FinishedRows, size: int = BATCH) -> Iterator[Batch]:
    """Yield all rows in batches.

    Args:
        rows: rows to read.
        size: most rows of a batch.

    Raises:
        InputError: the file cannot be read, or a value is not of its column.
    """
    names, read = rows.names, iter(rows)
    done = 0
    while texts := list(islice(read, size)):
        try:
            yield Batch(names, tuple(_typed(names, zip(*texts, strict=True))))
        except ValueError as error:
            raise InputError(
                f"{rows.path}: one of the rows {done + 1} to {done + len(texts)} holds no value of "
                f"its column ({error}); name an output of a scan"
            ) from error
        done += len(texts)


def _typed(names: tuple[str, ...], columns: Iterator[tuple[str, ...]]) -> Iterator[Sequence[Value]]:
    statuses: Sequence[str] = ()
    for name, texts in zip(names, columns, strict=True):
        if name == "status":
            statuses = texts
        if name in NUMBERS:
            yield [int(text) if text else None for text in texts]
        elif name == PROBABILITY:
            yield [_probability(text) if text else None for text in texts]
        elif name == "error":
            # A failed file has an error, if only an empty one.
            pairs = zip(texts, statuses, strict=True)
            yield [text or (None if status == FileStatus.OK else "") for text, status in pairs]
        else:
            yield [text or None for text in texts]


def _probability(text: str) -> float:
    p_ai = float(text)
    if not 0.0 <= p_ai <= 1.0:
        raise ValueError(f"{text} is no probability")
    return p_ai
