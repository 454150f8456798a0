"""Contact sheets of a page: which pictures it shows, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..model.verdicts import VerdictRule
from ..results import VerdictLabel
from .tally import Shown, Tally


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet.

    Attributes:
        anchor: id of the section.
        title: heading.
        text: sentence on which pictures these are.
        rows: pictures in their order.
        count: number of all pictures of this kind.
    """

    anchor: str
    title: str
    text: str
    rows: Sequence[Shown]
    count: int


def sheets(tally: Tally, rule: VerdictRule | None, pictures: int) -> list[Sheet]:
    """Return the contact sheets of a page; those without pictures are left out.

    Args:
        tally: rows to show.
        rule: thresholds in force, if known.
        pictures: most pictures of a sheet.
    """
    counts = {label: tally.verdicts[label.value] for label in VerdictLabel}
    all_sheets = [
        Sheet(
            "contradictions",
            "The file says otherwise",
            "The file's own metadata contradict the verdict. Look at these first.",
            tally.contradicting,
            tally.contradictions,
        ),
        Sheet(
            "likeliest",
            "Likeliest AI",
            "The highest p_ai, whatever the verdict.",
            tally.likeliest,
            sum(counts.values()),
        ),
        Sheet(
            "unsure",
            "Unsure, nearest to the limits",
            "Pictures without a verdict that came closest to one.",
            nearest_unsure(tally, rule)[:pictures],
            counts[VerdictLabel.UNSURE],
        ),
        Sheet(
            "real",
            "Real, at random",
            "A random sample of the pictures called real, to see what passes.",
            tally.real,
            counts[VerdictLabel.REAL],
        ),
    ]
    return [sheet for sheet in all_sheets if sheet.rows]


def nearest_unsure(tally: Tally, rule: VerdictRule | None) -> list[Shown]:
    """Return the kept ``unsure`` pictures, nearest to a limit first.

    Args:
        tally: rows to show.
        rule: thresholds in force; without them the ends of the unsure range stand for them.
    """
    candidates = {row.path: row for row in (*tally.highest_unsure, *tally.lowest_unsure)}
    unsure = tally.ranges[VerdictLabel.UNSURE.value]
    low, high = (unsure.least, unsure.most) if rule is None else (rule.real, rule.ai)

    def distance(row: Shown) -> float:
        p_ai = row.p_ai or 0.0
        return min(abs(high - p_ai), abs(p_ai - low))

    return sorted(candidates.values(), key=distance)
