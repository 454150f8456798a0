"""The figures by which a detector is judged, each a function of how often every picture counts.

scikit-learn and torchmetrics have most of them for one set of pictures at a time; here they take
many bootstrap resamples at once. The tests hold them against those libraries.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from trustthepixels.infer.spec import LABELS, VerdictRule

from .bootstrap import FloatArray, Metric

CALIBRATION_BINS = 15
"""Equal bins of ``p_ai`` for the expected calibration error, as in Guo et al. 2017."""

CONFIDENT = 0.9
"""A picture is wrong with confidence where the wrong class has at least this probability."""

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer]


def detector_metrics(p_ai: FloatArray, targets: IntArray, rule: VerdictRule) -> dict[str, Metric]:
    """All figures over a set of pictures, by name, as ``bootstrap`` takes them.

    Args:
        p_ai: shape (n,), 0 to 1.
        targets: shape (n,), indices into ``LABELS``.
        rule: from ``p_ai`` to the verdicts in force.

    Returns:
        Rates of 0 to 1. ``*_p50`` calls a picture AI where ``p_ai >= 0.5``, as ``accuracy``,
        ``balanced_accuracy`` and ``recall_*`` do; ``*_verdict`` goes by the verdicts.
    """
    ai = targets == LABELS.index("ai")
    everything = np.ones_like(ai)
    correct = (p_ai >= 0.5) == ai
    called_ai, called_real = p_ai >= rule.ai, (p_ai < rule.real) & (p_ai < rule.ai)
    sure = called_ai | called_real
    mistaken = np.where(ai, 1.0 - p_ai, p_ai) >= CONFIDENT
    return {
        "accuracy": share(correct, everything),
        "balanced_accuracy": mean_of(share(correct, ai), share(correct, ~ai)),
        "auc": area_under_roc(p_ai, ai),
        "tpr_at_fpr_1pct": true_positive_rate_at(0.01, p_ai, ai),
        "tpr_at_fpr_5pct": true_positive_rate_at(0.05, p_ai, ai),
        "recall_ai": share(correct, ai),
        "recall_real": share(correct, ~ai),
        "false_positive_rate_verdict": share(called_ai, ~ai),
        "false_positive_rate_p50": share(~correct, ~ai),
        "true_positive_rate_verdict": share(called_ai, ai),
        "false_negative_rate_verdict": share(called_real, ai),
        "expected_calibration_error": expected_calibration_error(p_ai, ai),
        "confident_mistakes": share(mistaken, everything),
        "coverage": share(sure, everything),
        "accuracy_when_sure": share(called_ai == ai, sure),
    }


def source_metrics(
    p_ai: FloatArray, targets: IntArray, members: Mapping[str, BoolArray]
) -> dict[str, dict[str, Metric]]:
    """Figures of each source: its recall, and that recall paired with the pooled other class.

    Args:
        p_ai: shape (n,), 0 to 1.
        targets: shape (n,), indices into ``LABELS``.
        members: for each source, of one class only, which pictures belong to it.

    Returns:
        By figure, then by source. ``recall`` is the share with ``p_ai`` on the right side of 0.5;
        ``paired_balanced_accuracy`` its mean with the recall of all pictures of the other class.
    """
    ai = targets == LABELS.index("ai")
    correct = (p_ai >= 0.5) == ai
    pooled = {True: share(correct, ai), False: share(correct, ~ai)}
    recall = {name: share(correct, member) for name, member in members.items()}
    return {
        "recall": recall,
        "paired_balanced_accuracy": {
            name: mean_of(recall[name], pooled[not ai[member].any()])
            for name, member in members.items()
        },
    }


def share(event: BoolArray, population: BoolArray) -> Metric:
    """The share of the population's pictures in which the event holds."""
    happened = (event & population).astype(np.float64)
    possible = population.astype(np.float64)
    return lambda weights: _ratio(weights @ happened, weights @ possible)


def mean_of(first: Metric, second: Metric) -> Metric:
    """The mean of two figures."""
    return lambda weights: 0.5 * (first(weights) + second(weights))


def area_under_roc(p_ai: FloatArray, ai: BoolArray) -> Metric:
    """How often an AI picture scores above a photograph, a tie counting half."""

    def metric(weights: FloatArray) -> FloatArray:
        photographs, fakes = _weights_by_score(weights, p_ai, ai)
        below = np.cumsum(photographs, axis=1) - 0.5 * photographs
        wins = (fakes * below).sum(axis=1)
        return _ratio(wins, fakes.sum(axis=1) * photographs.sum(axis=1))

    return metric


def true_positive_rate_at(false_positive_rate: float, p_ai: FloatArray, ai: BoolArray) -> Metric:
    """The share of AI pictures at the lowest threshold that few enough photographs reach.

    The threshold is chosen on the pictures themselves: a property of the ranking alone, not what
    the verdicts do.
    """

    def metric(weights: FloatArray) -> FloatArray:
        photographs, fakes = _weights_by_score(weights, p_ai, ai)
        all_photographs, all_fakes = photographs.sum(axis=1), fakes.sum(axis=1)
        reaching = np.cumsum(photographs[:, ::-1], axis=1)
        found = np.cumsum(fakes[:, ::-1], axis=1)
        # Weights are whole numbers, so the small term only undoes the product's rounding.
        allowed = false_positive_rate * all_photographs + 1e-9
        best = np.where(reaching <= allowed[:, np.newaxis], found, 0.0).max(axis=1)
        return np.where(all_photographs > 0, _ratio(best, all_fakes), np.nan)

    return metric


def expected_calibration_error(p_ai: FloatArray, ai: BoolArray) -> Metric:
    """Mean distance between ``p_ai`` and the share of AI pictures, over equal bins of ``p_ai``.

    Source: Naeini et al. 2015; bins as in torchmetrics' ``BinaryCalibrationError``.
    """
    bins = calibration_bins(p_ai)
    gaps = np.zeros((len(p_ai), CALIBRATION_BINS))
    gaps[np.arange(len(p_ai)), bins] = ai - p_ai
    return lambda weights: _ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def calibration_bins(p_ai: FloatArray) -> IntArray:
    """The bin of each probability, 0 to ``CALIBRATION_BINS - 1``."""
    return np.minimum((p_ai * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def _weights_by_score(
    weights: FloatArray, p_ai: FloatArray, ai: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Weights of the photographs and of the AI pictures at each distinct score, ascending."""
    order = np.argsort(p_ai, kind="stable")
    ordered = p_ai[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sorted_weights = weights[:, order]
    fakes = np.add.reduceat(sorted_weights * ai[order], starts, axis=1)
    return np.add.reduceat(sorted_weights, starts, axis=1) - fakes, fakes


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    undefined = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)
