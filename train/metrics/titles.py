"""Words and digits of the figures, for all reports."""

import math

from .bootstrap import Estimate
from .detector import CALIBRATION_BINS, CONFIDENT

TITLES = {
    "balanced_accuracy": "balanced accuracy",
    "mean_source_balanced_accuracy": "balanced accuracy, by source",
    "accuracy": "accuracy",
    "auc": "area under ROC",
    "tpr_at_fpr_1pct": "true positive rate at 1% FPR",
    "tpr_at_fpr_5pct": "true positive rate at 5% FPR",
    "recall_ai": "recall of AI pictures",
    "recall_real": "recall of photographs",
    "false_positive_rate_verdict": "photographs with verdict ai",
    "false_positive_rate_p50": "photographs with p_ai >= 0.5",
    "true_positive_rate_verdict": "AI pictures with verdict ai",
    "false_negative_rate_verdict": "AI pictures with verdict real",
    "coverage": "coverage (not unsure)",
    "accuracy_when_sure": "accuracy where not unsure",
    "confident_mistakes": f"wrong at confidence >= {CONFIDENT}",
    "expected_calibration_error": f"calibration error ({CALIBRATION_BINS} bins)",
}
"""Titles of the figures, in the order of the tables."""

_FRACTIONS = frozenset({"auc", "expected_calibration_error"})
"""Figures that are not percentages."""


def value_text(name: str, value: float) -> str:
    """Return a figure's value, as ``84.1%`` or ``0.912``; a dash if it is undefined."""
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if name in _FRACTIONS else f"{value:.1%}"


def interval_text(name: str, estimate: Estimate) -> str:
    """Return its interval, as ``80.2 to 88.0``; empty if the figure is undefined."""
    if math.isnan(estimate.value):
        return ""
    if math.isnan(estimate.low):
        return "(one group)"
    if name in _FRACTIONS:
        return f"{estimate.low:.3f} to {estimate.high:.3f}"
    return f"{100.0 * estimate.low:.1f} to {100.0 * estimate.high:.1f}"


def short_text(name: str, estimate: Estimate) -> str:
    """Return value and interval in one cell, percentages without their sign: ``84.1 80.2-88.0``."""
    if math.isnan(estimate.value):
        return "-"
    scale, digits = (1.0, 3) if name in _FRACTIONS else (100.0, 1)
    value = f"{scale * estimate.value:.{digits}f}"
    if math.isnan(estimate.low):
        return value
    ends = (f"{scale * end:.{digits}f}" for end in (estimate.low, estimate.high))
    low, high = (end.removeprefix("0") if digits == 3 else end for end in ends)
    return f"{value} {low}-{high}"
