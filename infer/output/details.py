"""Details of provenance next to the rows: one line of JSON for each row that has any."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..choices import Existing
from ..errors import OutputError, failing_as
from ..results import Provenance, ScanRow
from ..system.descriptors import BINARY, read_at
from .rows import escape_path

_FLAGS = {
    Existing.REFUSE: os.O_WRONLY | os.O_EXCL,
    Existing.REPLACE: os.O_WRONLY,
    Existing.RESUME: os.O_RDWR | os.O_APPEND,
    Existing.UPDATE: os.O_RDWR | os.O_APPEND,
}
_ADDING = frozenset({Existing.RESUME, Existing.UPDATE})
_BLOCK = 1 << 16


@contextmanager
def open_details(path: str | None, existing: Existing) -> Iterator[Callable[[ScanRow], None]]:
    """Open a file of details; the value takes each row, and writes its provenance if it has any.

    What is there stays until the first row, so a scan that fails at its start changes nothing.

    Args:
        path: path of the file; ``None`` for no file.
        existing: policy for a file that exists. A run that continues earlier rows adds to it,
            behind its last whole line.

    Raises:
        OutputError: the file exists, or cannot be written.
    """
    if path is None:
        yield lambda _row: None
        return
    try:
        # Prompts are private: other users may not read them.
        descriptor = os.open(path, os.O_CREAT | BINARY | _FLAGS[existing], 0o600)
    except FileExistsError as error:
        raise OutputError(f"{path} exists; choose another name, or replace it with --force") from (
            error
        )
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        has_begun = False

        def begin() -> None:
            nonlocal has_begun
            if has_begun:
                return
            with failing_as(OutputError, f"cannot write {path}"):
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    os.ftruncate(descriptor, _whole(descriptor) if existing in _ADDING else 0)
            has_begun = True

        def write(row: ScanRow) -> None:
            begin()
            # A row that was taken over has its details in the file already.
            if row.provenance is not None and not is_taken_over(row.provenance):
                with failing_as(OutputError, f"cannot write {path}"):
                    file.write(details_line(row))
                    file.flush()

        try:
            yield write
            begin()
        except BaseException:
            if not has_begun and existing is Existing.REFUSE:
                Path(path).unlink(missing_ok=True)
            raise


def _whole(descriptor: int) -> int:
    """Return the bytes up to the end of the last whole line of a file."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _BLOCK)
        found = read_at(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def is_taken_over(provenance: Provenance) -> bool:
    """Return whether provenance comes from an earlier run's row, which holds no details."""
    return bool(provenance.evidence) and not provenance.details


def details_line(row: ScanRow) -> bytes:
    """Return a row's provenance with all its details as one line of JSON."""
    assert row.provenance is not None
    values = {
        "path": escape_path(row.path),
        "origin": row.provenance.origin.value or None,
        "origin_grade": row.provenance.grade.value or None,
        "origin_evidence": list(row.provenance.evidence),
        "statements": json.loads(row.provenance.details or "[]"),
    }
    return json.dumps(values).encode() + b"\n"
