"""CSV and JSON lines, byte for byte as a scan writes them."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..choices import RowFormat
from ..output.rows import Columns, header
from ..results import P_AI_DECIMALS
from .batches import PROBABILITY, Batch


def write_text(
    path: Path, columns: Columns, row_format: RowFormat, batches: Iterable[Batch]
) -> None:
    """Write rows.

    Args:
        path: file to write.
        columns: columns of the rows.
        row_format: CSV or JSON lines.
        batches: the rows.

    Raises:
        OSError: the file cannot be written.
    """
    encoded = _csv if row_format is RowFormat.CSV else _json
    with path.open("wb") as file:
        file.write(header(row_format, columns))
        for batch in batches:
            file.write(encoded(batch))


def _csv(batch: Batch) -> bytes:
    columns = [
        [None if p_ai is None else f"{p_ai:.{P_AI_DECIMALS}f}" for p_ai in values]
        if name == PROBABILITY
        else values
        for name, values in zip(batch.names, batch.columns, strict=True)
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


def _json(batch: Batch) -> bytes:
    return "".join(_json_lines(batch)).encode()


def _json_lines(batch: Batch) -> Iterator[str]:
    encode, names = json.JSONEncoder(ensure_ascii=False).encode, batch.names
    for values in batch.rows():
        yield encode(dict(zip(names, values, strict=True)))
        yield "\n"
