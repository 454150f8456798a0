"""Counts of a scan's rows, and their summary in one line."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..choices import STANDARD_OUTPUT
from ..files.left_out import LeftOut
from ..results import Origin, ScanRow, VerdictLabel

if TYPE_CHECKING:
    from ..output.writer import RowSink

_FAILED = "failed"


@dataclass(slots=True)
class ScanCounts:
    """Numbers of rows of each kind."""

    kept: int = 0
    """Rows that an earlier run made."""
    _counts: Counter[str] = field(default_factory=Counter)
    _origins: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, row: ScanRow) -> None:
        """Count one row."""
        if row.provenance is not None:
            verdict = "" if row.verdict is None else row.verdict.label.value
            self._origins[row.provenance.origin.value, verdict] += 1
        self._counts[_FAILED if row.verdict is None else row.verdict.label.value] += 1

    def add_kept(
        self, verdicts: Mapping[str, int], origins: Mapping[tuple[str, str], int] | None = None
    ) -> None:
        """Count the rows that an earlier run wrote.

        Args:
            verdicts: number of rows with each verdict; the empty text is for rows without one.
            origins: number of rows with each pair of origin and verdict.
        """
        self.add_all(verdicts, origins)
        self.kept += sum(verdicts.values())

    def add_all(
        self, verdicts: Mapping[str, int], origins: Mapping[tuple[str, str], int] | None = None
    ) -> None:
        """Count rows by their numbers, see ``add_kept``."""
        self._origins.update(origins or {})
        for verdict, count in verdicts.items():
            self._counts[verdict or _FAILED] += count

    def drop_kept(
        self, verdicts: Mapping[str, int], origins: Mapping[tuple[str, str], int]
    ) -> None:
        """Count no longer rows of an earlier run that newer ones replaced; as ``add_kept``."""
        self.add_kept(
            {verdict: -count for verdict, count in verdicts.items()},
            {pair: -count for pair, count in origins.items()},
        )

    @property
    def files(self) -> int:
        """Number of all rows."""
        return self._counts.total()

    @property
    def failed(self) -> int:
        """Number of rows without a verdict."""
        return self._counts[_FAILED]

    @property
    def generated(self) -> int:
        """Number of files that state that they are generated."""
        return sum(count for (origin, _), count in self._origins.items() if origin == Origin.AI)

    @property
    def contradicted(self) -> int:
        """Number of those whose verdict is ``real``."""
        return self._origins[Origin.AI.value, VerdictLabel.REAL.value]

    def by_kind(self) -> dict[str, int]:
        """Return the number of each verdict and of failures, always in the same order."""
        kinds = [*(label.value for label in VerdictLabel), _FAILED]
        return {kind: self._counts[kind] for kind in kinds}


def summary(counts: ScanCounts, seconds: float, provider: str) -> str:
    """Return one line on a scan that ended.

    Args:
        counts: counts of its rows.
        seconds: from the first file of this run to the last row.
        provider: ONNX Runtime's name of the execution provider; empty before there is one.
    """
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.by_kind().items())
    rate = (counts.files - counts.kept) / seconds if seconds > 0 else 0.0
    files = "file" if counts.files == 1 else "files"
    kept = f" ({counts.kept} done before)" if counts.kept else ""
    on = f" with {provider}" if provider else ""
    done = f"{seconds:.1f} s, {rate:.1f} images/s{on}"
    return f"{counts.files} {files}{kept}: {kinds}; {done}{contradictions(counts)}"


def contradictions(counts: ScanCounts) -> str:
    """Return where files and the model disagree; empty if no file states that it is generated."""
    if not counts.generated:
        return ""
    files = (
        "1 file says itself that it is"
        if counts.generated == 1
        else (f"{counts.generated} files say themselves that they are")
    )
    of_them = "it" if counts.generated == 1 else f"{counts.contradicted} of them"
    if counts.generated == 1 and not counts.contradicted:
        return f"; {files} generated"
    return f"; {files} generated; the model calls {of_them} real"


@dataclass(slots=True)
class Report:
    """Facts of a scan for its last line, however it ends."""

    counts: ScanCounts = field(default_factory=ScanCounts)
    output: "RowSink | None" = None
    left_out: LeftOut = field(default_factory=LeftOut)
    _provider: str = ""
    _started: float = field(default_factory=time.monotonic)

    def begin(self, provider: str) -> None:
        """Start the clock, and store the name of the execution provider."""
        self._provider, self._started = provider, time.monotonic()

    def text(self, rows_in: str = "") -> str:
        """Return the summary.

        Args:
            rows_in: place of the rows; by default the path of the output.
        """
        line = summary(self.counts, time.monotonic() - self._started, self._provider)
        rows_in = rows_in or ("" if self.output is None else self.output.path)
        has_file = self.counts.files and rows_in not in ("", STANDARD_OUTPUT)
        return f"{line}; the rows are in {rows_in}" if has_file else line

    def advice(self) -> str:
        """Return how to continue a scan that did not end; empty if that is impossible."""
        output = self.output
        return f"; go on with {output.goes_on_with}" if output and output.is_resumable else ""
