"""Goals of the bundled models, and their comparison with the measurements.

The goals were fixed before the first training under this protocol and do not depend on a model.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..data.folds import FOLDS
from ..metrics.bootstrap import Estimate
from ..pictures.tiers import Tier
from .measurement import Measurement, Report
from .parts import Part, PartKind


class Direction(StrEnum):
    """Side of its bound on which a figure must be."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


class Status(StrEnum):
    """Outcome of a goal; it depends on the value, not on the interval."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and the bound that it must keep.

    Attributes:
        figure: name of the figure in words.
        metric: its name in ``Evaluation.metrics``.
        kind: split of the goal.
        bound: 0 to 1, reached if equal.
        direction: the good side of the bound.
        tier: tier of the goal.
    """

    figure: str
    metric: str
    kind: PartKind
    bound: float
    direction: Direction
    tier: Tier = Tier.CLEAN

    def is_kept(self, value: float) -> bool:
        """Return whether a value is on the good side."""
        if self.direction is Direction.AT_LEAST:
            return value >= self.bound
        return value <= self.bound


GOALS = (
    Goal("balanced accuracy", "balanced_accuracy", PartKind.TEST, 0.96, Direction.AT_LEAST),
    Goal(
        "mean balanced accuracy over sources",
        "mean_source_balanced_accuracy",
        PartKind.HELD_OUT,
        0.80,
        Direction.AT_LEAST,
    ),
    Goal("area under ROC", "auc", PartKind.EXTERNAL, 0.80, Direction.AT_LEAST),
    Goal("area under ROC", "auc", PartKind.EXTERNAL, 0.75, Direction.AT_LEAST, Tier.WEB),
    Goal(
        "photographs called ai",
        "false_positive_rate_verdict",
        PartKind.HELD_OUT,
        0.02,
        Direction.AT_MOST,
    ),
    Goal(
        "wrong at confidence >= 0.9",
        "confident_mistakes",
        PartKind.EXTERNAL,
        0.02,
        Direction.AT_MOST,
    ),
    Goal(
        "expected calibration error",
        "expected_calibration_error",
        PartKind.TEST,
        0.03,
        Direction.AT_MOST,
    ),
    Goal(
        "expected calibration error",
        "expected_calibration_error",
        PartKind.EXTERNAL,
        0.10,
        Direction.AT_MOST,
    ),
    Goal(
        "accuracy where not unsure",
        "accuracy_when_sure",
        PartKind.EXTERNAL,
        0.90,
        Direction.AT_LEAST,
    ),
    Goal(
        "coverage (not unsure)",
        "coverage",
        PartKind.EXTERNAL,
        0.40,
        Direction.AT_LEAST,
    ),
)


@dataclass(frozen=True, slots=True)
class TargetResult:
    """A goal and its measurement.

    Attributes:
        goal: the goal.
        status: met, missed, or not measured in this run.
        part: part with the figure; ``None`` if it was not measured.
        estimate: the figure; ``None`` if it was not measured.
    """

    goal: Goal
    status: Status
    part: Part | None = None
    estimate: Estimate | None = None

    @property
    def is_certain(self) -> bool:
        """True if the whole interval is on the same side of the bound as the value."""
        if self.estimate is None or math.isnan(self.estimate.low):
            return False
        ends = (self.estimate.low, self.estimate.high)
        return len({self.goal.is_kept(end) for end in ends}) == 1


def check_targets(report: Report) -> tuple[TargetResult, ...]:
    """Return every goal, once for each part of the data that it applies to.

    The goals are those of the bundled models; of any other model there are none.
    """
    if not report.model.is_bundled:
        return ()
    return tuple(result for goal in GOALS for result in _check(goal, report.measurements))


def _check(goal: Goal, measurements: Sequence[Measurement]) -> Iterator[TargetResult]:
    found = [one for one in measurements if one.tier is goal.tier and _is_whole(one.part, goal)]
    for one in found:
        estimate = one.evaluation.metrics[goal.metric]
        if math.isnan(estimate.value):
            status = Status.NOT_MEASURED
        else:
            status = Status.MET if goal.is_kept(estimate.value) else Status.MISSED
        yield TargetResult(goal, status, one.part, estimate)
    if not found:
        yield TargetResult(goal, Status.NOT_MEASURED)


def _is_whole(part: Part, goal: Goal) -> bool:
    """Return whether a part is complete: a goal for held-out sources needs all folds."""
    if part.kind is not goal.kind:
        return False
    return part.kind is not PartKind.HELD_OUT or len(part.folds) == FOLDS
