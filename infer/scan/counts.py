"""What the person who waits sees: a progress bar on a terminal, and one line at the end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..results import ScanRow, VerdictLabel

_FAILED = "failed"


@dataclass(slots=True)
class ScanCounts:
    """How many rows there were of each kind."""

    kept: int = 0
    """Of all rows, those that an earlier run wrote."""
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, row: ScanRow) -> None:
        """Count one row."""
        self._counts[_FAILED if row.verdict is None else row.verdict.label.value] += 1

    def add_kept(self, verdicts: Mapping[str, int]) -> None:
        """Count the rows that an earlier run wrote.

        Args:
            verdicts: how many rows have each; the empty text is for rows without one.
        """
        for verdict, count in verdicts.items():
            self._counts[verdict or _FAILED] += count
            self.kept += count

    @property
    def files(self) -> int:
        """All rows."""
        return self._counts.total()

    @property
    def failed(self) -> int:
        """Rows without a verdict."""
        return self._counts[_FAILED]

    def by_kind(self) -> dict[str, int]:
        """The verdicts and what failed, always in the same order."""
        kinds = [*(label.value for label in VerdictLabel), _FAILED]
        return {kind: self._counts[kind] for kind in kinds}


def summary(counts: ScanCounts, seconds: float, provider: str) -> str:
    """One line on a scan that ended.

    Args:
        counts: of its rows.
        seconds: from the first file of this run to the last row.
        provider: ONNX Runtime's name of the execution provider; empty before there is one.
    """
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.by_kind().items())
    rate = (counts.files - counts.kept) / seconds if seconds > 0 else 0.0
    files = "file" if counts.files == 1 else "files"
    kept = f" ({counts.kept} done before)" if counts.kept else ""
    on = f" with {provider}" if provider else ""
    return f"{counts.files} {files}{kept}: {kinds}; {seconds:.1f} s, {rate:.1f} images/s{on}"
