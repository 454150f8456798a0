"""Checks with their figures and bounds, as a table for the terminal and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trustthepixels.infer.errors import ExportCheckError


class Relation(StrEnum):
    """Required relation of a figure to its bound."""

    EQUAL = "="
    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Check:
    """A figure and its bound.

    Attributes:
        name: name of the figure, with its unit if it has one.
        measured: the figure.
        relation: required relation to the bound.
        bound: the bound.
    """

    name: str
    measured: float | str
    relation: Relation
    bound: float | str

    @property
    def passed(self) -> bool:
        """True if the figure keeps its bound; NaN never does."""
        if self.relation is Relation.EQUAL:
            return self.measured == self.bound
        measured, bound = float(self.measured), float(self.bound)
        return measured <= bound if self.relation is Relation.AT_MOST else measured >= bound

    def require(self) -> None:
        """Raise an error if the check failed.

        Raises:
            ExportCheckError: the check failed; the text names the figure and the bound.
        """
        if not self.passed:
            raise ExportCheckError(
                f"{self.name} is {_text(self.measured)}, "
                f"must be {self.relation} {_text(self.bound)}; no file was written"
            )


def table(checks: Sequence[Check]) -> str:
    """Return the checks in aligned columns, in their order."""
    rows = [("check", "measured", "bound", "")]
    rows += [
        (
            check.name,
            _text(check.measured),
            f"{check.relation} {_text(check.bound)}",
            "ok" if check.passed else "FAILED",
        )
        for check in checks
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def to_json(checks: Sequence[Check], facts: Mapping[str, Any]) -> str:
    """Return the report next to the model: facts of the export, then every check."""
    entries = [
        {
            "name": check.name,
            "measured": check.measured,
            "relation": check.relation,
            "bound": check.bound,
            "passed": check.passed,
        }
        for check in checks
    ]
    content = {**facts, "checks": entries, "passed": all(check.passed for check in checks)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
