"""Output of one run in parts: a folder of rows, mostly in a store.

Rows are held until they make a part. A kill loses those that are held; they are scanned again when
the run is resumed. A store that fails for good ends the run, and its earlier parts stay.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ...choices import Existing, RowFormat
from ...errors import InputError, OutputError
from ...results import ScanRow
from ...system.background import waited_for
from ...system.durable import Identity
from ..earlier import EarlierRows
from ..reader import KeptRows
from ..rows import Columns, escape_path
from ..run_identity import RunIdentity
from ..stamps import Stamp, fingerprint
from ..writer import RowSink, ended
from .folder import MANIFEST, RUN, PartName, RowsFolder
from .kept_parts import KeptParts, read_parts, run_that_goes_on
from .manifest import Manifest, Run, Totals, read_run, write_run
from .merge_folder import merged_rows, parts_in_order, with_replaced
from .part import Part, PlacedRow, part_header, part_line

_ROWS, _BYTES, _SECONDS = 10_000, 8 << 20, 60.0
"""Rows, bytes and age of the oldest row at which a part is written."""


class PartsOutput(RowSink):
    """A folder of rows that is open for one run. Made by ``open_parts``.

    Attributes:
        path: path or address of the folder.
    """

    def __init__(
        self, folder: RowsFolder, row_format: RowFormat, existing: Existing, columns: Columns
    ) -> None:
        self.path = folder.shown
        self.identities: set[Identity] = set()
        self.earlier: EarlierRows | None = None
        self.starts_anew = ""
        self._folder, self._existing = folder, existing
        goes_on = run_that_goes_on(folder, existing, row_format)
        self._run, self._old_names = goes_on or (Run(RunIdentity({}), row_format, columns), ())
        self._attempt, self._number = 1, 0
        self._kept = KeptParts()
        self._parts: list[Part] = []
        self._totals = Totals()
        self._doubled = set[int]()
        self._lines: list[bytes] = []
        self._size, self._first, self._since = 0, (0, ""), 0.0
        self._is_lost = False
        # What refuses to be written is detected here, before anything slow is done.
        self._old = folder.read(RUN)
        if self._old is None:
            write_run(folder, self._run, replaces=existing is Existing.REPLACE)
        else:
            folder.put(RUN, self._old)

    def begin(self, identity: RunIdentity) -> KeptRows:
        """Settle which rows stay, and write the run's identity, before the first row.

        Raises:
            OutputError: the rows are those of another run, or the folder cannot be written.
            InputError: a part cannot be read, or is damaged.
        """
        if not self._old_names:
            self._run = replace(self._run, identity=identity)
            write_run(self._folder, self._run, replaces=True)
            return KeptRows()
        self._run.identity.check_resumed(self.path, identity)
        self._attempt = 1 + max(name.attempt for name in self._old_names)
        self._number = 1 + max(name.number for name in self._old_names)
        self._kept = read_parts(self._folder, self._run, self._old_names)
        self._parts.extend(self._kept.parts)
        self._totals = self._kept.totals
        self._doubled.update(self._kept.doubled)
        return self._kept.counts

    def kept(self) -> Iterator[bytes]:
        """Return the paths of the rows that stay, lazily."""
        return (row.path for row in merged_rows(self._folder, self._run, self._kept.parts))

    def is_outdated(self, path: bytes, stamp: Stamp) -> bool:
        """Return whether an object is not the one that a row was kept of."""
        stamps = self._kept.stamps
        known = None if stamps is None else stamps.find(path)
        if stamps is None or known is None or known == stamp:
            return False
        self._doubled.add(fingerprint(path, stamps.key))
        return True

    @property
    def rows(self) -> int:
        """Number of rows, kept ones included."""
        return self._totals.statuses.total()

    @property
    def goes_on_with(self) -> str:
        """Option that continues this run after an early end."""
        return "--resume"

    @property
    def is_resumable(self) -> bool:
        """True if the run can be resumed after an early end."""
        return bool(self._parts)

    def write(self, row: ScanRow, root: int = 0, stamp: Stamp | None = None) -> None:
        """Write one row; ``begin`` comes first.

        Raises:
            OutputError: a part cannot be written.
        """
        if not self._lines:
            self._first, self._since = (root, escape_path(row.path)), time.monotonic()
        line = part_line(row, root, stamp, self._run.row_format, self._run.columns)
        self._lines.append(line)
        self._size += len(line)
        self._totals.statuses[row.status.value] += 1
        self._totals.verdicts["" if row.verdict is None else row.verdict.label.value] += 1
        is_old = time.monotonic() - self._since >= _SECONDS
        if len(self._lines) >= _ROWS or self._size >= _BYTES or is_old:
            self.sync()

    def sync(self) -> None:
        """Write the rows that are held as a part.

        Raises:
            OutputError: it cannot be written.
        """
        if not self._lines:
            return
        root, path = self._first
        name = self.new_name(root)
        content = part_header(self._run.row_format, self._run.columns) + b"".join(self._lines)
        try:
            waited_for("rows", lambda: self._folder.create(name, content))
        except OutputError:
            self._is_lost = True
            raise
        digest = hashlib.sha256(content).hexdigest()
        self._parts.append(Part(name, len(self._lines), len(content), digest, root, path))
        self._lines.clear()
        self._size = 0

    def new_name(self, root: int) -> str:
        """Return the name of a new part; ``root`` is the number of its first row's root."""
        name = PartName(self._attempt, self._number, root, self._run.name, self._run.row_format)
        self._number += 1
        return str(name)

    def add(self, part: Part, totals: Totals) -> None:
        """Note a part that another process has written, with the counts of its rows."""
        self._parts.append(part)
        self._totals.statuses.update(totals.statuses)
        self._totals.verdicts.update(totals.verdicts)

    def drop_outdated(self) -> KeptRows:
        """Count no longer rows of objects that have a newer row, and return their counts.

        Raises:
            OutputError: a part cannot be written.
            InputError: a part cannot be read.
        """
        dropped = KeptRows()

        def drop(row: PlacedRow) -> None:
            dropped.count(row.values)
            self._totals.statuses[row.status] -= 1
            self._totals.verdicts[row.verdict] -= 1

        if self._doubled:
            self.sync()
            self._parts = with_replaced(
                self._folder, self._run, self._parts, self._doubled, self._kept.mark, drop
            )
        return dropped

    def complete(self) -> None:
        """Write the last part, then the manifest; parts that it does not name go.

        Raises:
            OutputError: they cannot be written, or another run has begun in the folder.
            InputError: the folder cannot be read.
        """
        self.sync()
        now = read_run(self._folder)
        if now is None or now.name != self._run.name:
            raise OutputError(
                f"{self.path}: another scan has begun there after this one; its rows count, and "
                "this one's parts are left out"
            )
        manifest = Manifest(self._run, self._totals, parts_in_order(self._parts))
        self._folder.put(MANIFEST, manifest.to_bytes())
        if self._existing in (Existing.REPLACE, Existing.RESUME):
            # The manifest has ended their time; they only take up room.
            with contextlib.suppress(OutputError, InputError):
                for name in self._unnamed():
                    self._folder.remove(name)

    def _unnamed(self) -> list[str]:
        named = {part.name for part in self._parts}
        parts = ((name, PartName.of(name)) for name in list(self._folder.names()))
        # Two can resume one run; then the other's manifest may name those of this run.
        spared = self._run.name if self._existing is Existing.RESUME else None
        return [name for name, part in parts if part and part.run != spared and name not in named]

    def abandon(self, *, keep_empty: bool) -> None:
        """End the run early: write the rows that are held, or leave nothing if there are none."""
        with contextlib.suppress(OutputError, InputError):
            if not self._is_lost:
                self.sync()
            if self._parts or self._is_lost or keep_empty:
                return
            now = read_run(self._folder)
            if now is None or now.name != self._run.name:
                # It belongs to another scan.
                return
            if self._old is None:
                self._folder.remove(RUN)
            else:
                self._folder.put(RUN, self._old)


@contextmanager
def open_parts(
    folder: RowsFolder,
    row_format: RowFormat,
    existing: Existing = Existing.REFUSE,
    columns: Columns = Columns.USUAL,
) -> Iterator[PartsOutput]:
    """Open a folder of rows for one run, before anything slow is done.

    When the block ends, the manifest is written. When it ends with an exception, the rows so far
    stay, and the run can be resumed.

    Args:
        folder: folder of rows.
        row_format: CSV or JSON lines.
        existing: policy for rows that are there. ``REPLACE`` leaves them until the end.
        columns: columns of the rows.

    Raises:
        OutputError: rows are there that must stay, or the folder cannot be written.
        InputError: the folder cannot be read.
    """
    with ended(PartsOutput(folder, row_format, existing, columns)) as output:
        yield output
