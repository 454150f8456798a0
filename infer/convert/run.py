"""A conversion from the rows of a scan to one whole file in another format."""

import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from ..choices import Existing, RowFormat
from ..errors import OutputError, UsageError
from ..output.finished import FinishedRows, finished_rows
from ..output.rows import escape_path
from ..output.run_identity import state_path
from ..output.stamps import remove_stamps
from ..output.whole_file import check_absent, whole_file
from ..system.versions import installed_version
from .batches import Batch, batches
from .parquet import load_pyarrow, write_parquet
from .sqlite import write_sqlite
from .text import write_text


class OutputKind(StrEnum):
    """Format to convert to, by the end of a file's name."""

    PARQUET = ".parquet"
    SQLITE = ".sqlite"
    CSV = ".csv"
    JSONL = ".jsonl"


def convert_rows(rows_path: str, out: str, existing: Existing) -> int:
    """Write the rows of a scan as another format; return their number.

    Args:
        rows_path: path of a finished output.
        out: path to write; its end names the format.
        existing: ``REFUSE`` never replaces a file; any other policy does, at the end.

    Raises:
        UsageError: the end of the name is unknown, or the extra for it is missing.
        InputError: the rows cannot be read.
        OutputError: the file exists, belongs to a scan that did not end, or cannot be written.
    """
    kind = kind_of(out)
    check_absent(out, existing)
    if os.path.lexists(state_path(out)):
        raise OutputError(f"{out}: a scan into it did not end; choose another name")
    if kind is OutputKind.PARQUET:
        load_pyarrow()
    rows = finished_rows(rows_path)
    with whole_file(out, existing) as path:
        count = _write(path, kind, rows)
        # They would vouch for other rows, also after a kill at this place.
        remove_stamps(out)
    return count


def kind_of(out: str) -> OutputKind:
    """Return the format that the end of a name stands for.

    Raises:
        UsageError: the end is unknown.
    """
    suffix = Path(out).suffix.lower()
    try:
        return OutputKind(suffix)
    except ValueError:
        known = ", ".join(OutputKind)
        raise UsageError(f"{out}: the name must end with one of {known}") from None


def _write(path: Path, kind: OutputKind, rows: FinishedRows) -> int:
    count = 0

    def counted() -> Iterator[Batch]:
        nonlocal count
        for batch in batches(rows):
            yield batch
            count += len(batch.columns[0])

    if kind is OutputKind.PARQUET:
        write_parquet(path, rows.names, scan_metadata(rows), counted())
    elif kind is OutputKind.SQLITE:
        write_sqlite(path, rows.names, scan_metadata(rows), counted())
    else:
        row_format = RowFormat.CSV if kind is OutputKind.CSV else RowFormat.JSONL
        write_text(path, rows.columns, row_format, counted())
    return count


def scan_metadata(rows: FinishedRows) -> Mapping[str, str]:
    """Return texts about a scan: names of the rows and the program, and the scan's settings.

    The settings (model, thresholds, limits, paths) are known for outputs of ``--update`` alone.
    """
    identity = rows.identity()
    settings = {} if identity is None else {"scan": identity.to_json().strip()}
    version = installed_version("trustthepixels")
    return {"rows": escape_path(Path(rows.path).name), "version": version, **settings}
