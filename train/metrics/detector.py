"""Figures of a detector, each a function of the weights of the pictures.

scikit-learn and torchmetrics have most of them for one set of pictures at a time; here they take
many bootstrap resamples at once. The tests compare them with those libraries.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from trustthepixels.infer.results import LABELS, VerdictLabel

from ..arrays import BoolArray, FloatArray, IntArray
from .bootstrap import Metric, Share, ratio

CALIBRATION_BINS = 15
"""Equal bins of ``p_ai`` for the expected calibration error, as in Guo et al. 2017."""

CONFIDENT = 0.9
"""Probability of the wrong class from which an error counts as confident."""


def detector_metrics(
    p_ai: FloatArray,
    targets: IntArray,
    sources: Sequence[str],
    verdicts: Sequence[VerdictLabel],
    folds: IntArray | None = None,
) -> dict[str, Metric]:
    """Return all figures over a set of pictures by name, for ``bootstrap``.

    Args:
        p_ai: shape (n,), 0 to 1.
        targets: shape (n,), indices into ``LABELS``.
        sources: source of each picture.
        verdicts: verdict on each picture.
        folds: fold of each picture, if every fold has its own model. Scores of different models do
            not rank against each other. So ``auc`` and ``tpr_*`` are then means over folds, and a
            source is paired with the other class of its own fold.

    Returns:
        Rates of 0 to 1. ``*_p50`` calls a picture AI where ``p_ai >= 0.5``, as ``accuracy``,
        ``balanced_accuracy`` and ``recall_*`` do; ``*_verdict`` goes by the verdicts.
    """
    ai = targets == LABELS.index("ai")
    everything = np.ones_like(ai)
    correct = (p_ai >= 0.5) == ai
    called = np.asarray(verdicts, dtype=str)
    called_ai, called_real = called == VerdictLabel.AI, called == VerdictLabel.REAL
    sure = called_ai | called_real
    models = np.zeros(len(ai), np.int64) if folds is None else folds

    def ranking(metric: Callable[[FloatArray, BoolArray], Metric]) -> Metric:
        return mean_over_folds(lambda part: metric(p_ai[part], ai[part]), models)

    mistaken = np.where(ai, 1.0 - p_ai, p_ai) >= CONFIDENT
    return {
        "accuracy": Share(correct, everything),
        "balanced_accuracy": mean_of(Share(correct, ai), Share(correct, ~ai)),
        "mean_source_balanced_accuracy": mean_over_sources(correct, ai, sources, models),
        "auc": ranking(area_under_roc),
        "tpr_at_fpr_1pct": ranking(partial(true_positive_rate_at, 0.01)),
        "tpr_at_fpr_5pct": ranking(partial(true_positive_rate_at, 0.05)),
        "recall_ai": Share(correct, ai),
        "recall_real": Share(correct, ~ai),
        "false_positive_rate_verdict": Share(called_ai, ~ai),
        "false_positive_rate_p50": Share(~correct, ~ai),
        "true_positive_rate_verdict": Share(called_ai, ai),
        "false_negative_rate_verdict": Share(called_real, ai),
        "expected_calibration_error": expected_calibration_error(p_ai, ai),
        "confident_mistakes": Share(mistaken, everything),
        "coverage": Share(sure, everything),
        "accuracy_when_sure": Share(called_ai == ai, sure),
    }


def mean_of(first: Metric, second: Metric) -> Metric:
    """Return the mean of two figures."""
    return lambda weights: 0.5 * (first(weights) + second(weights))


def mean_over_sources(
    correct: BoolArray, ai: BoolArray, sources: Sequence[str], folds: IntArray
) -> Metric:
    """Return the mean of balanced accuracies over sources, all of the same weight.

    Each source's recall is paired with the recall of all pictures of the other class in its fold.
    A source of both classes counts as two.
    """
    names = np.asarray(sources)
    balanced_accuracies = [
        mean_of(Share(correct, own & (names == source)), Share(correct, ~own & (folds == fold)))
        for own in (ai, ~ai)
        for source, fold in sorted(set(zip(names[own].tolist(), folds[own].tolist(), strict=True)))
    ]
    return lambda weights: _mean_of_defined([metric(weights) for metric in balanced_accuracies])


def mean_over_folds(metric: Callable[[BoolArray], Metric], folds: IntArray) -> Metric:
    """Return the mean of a figure over folds, each computed on its own pictures.

    Args:
        metric: function from a fold's pictures, shape (n,), to the figure on them.
        folds: fold of each picture, shape (n,).
    """
    parts = [folds == fold for fold in np.unique(folds)]
    metrics = [metric(part) for part in parts]

    def mean(weights: FloatArray) -> FloatArray:
        return _mean_of_defined(
            [one(weights[:, part]) for one, part in zip(metrics, parts, strict=True)]
        )

    return mean


def area_under_roc(p_ai: FloatArray, ai: BoolArray) -> Metric:
    """Return the share of pairs in which an AI picture scores above a photograph; a tie is a
    half."""

    def metric(weights: FloatArray) -> FloatArray:
        photographs, fakes = _weights_by_score(weights, p_ai, ai)
        below = np.cumsum(photographs, axis=1) - 0.5 * photographs
        wins = (fakes * below).sum(axis=1)
        return ratio(wins, fakes.sum(axis=1) * photographs.sum(axis=1))

    return metric


def true_positive_rate_at(false_positive_rate: float, p_ai: FloatArray, ai: BoolArray) -> Metric:
    """Return the share of AI pictures at the lowest threshold that few enough photographs reach.

    The threshold is chosen on the pictures themselves. So this is a property of the ranking, not of
    the verdicts.
    """

    def metric(weights: FloatArray) -> FloatArray:
        photographs, fakes = _weights_by_score(weights, p_ai, ai)
        all_photographs, all_fakes = photographs.sum(axis=1), fakes.sum(axis=1)
        reaching = np.cumsum(photographs[:, ::-1], axis=1)
        found = np.cumsum(fakes[:, ::-1], axis=1)
        # Weights are whole numbers, so the small term only undoes the product's rounding.
        allowed = false_positive_rate * all_photographs + 1e-9
        best = np.where(reaching <= allowed[:, np.newaxis], found, 0.0).max(axis=1)
        return np.where(all_photographs > 0, ratio(best, all_fakes), np.nan)

    return metric


def expected_calibration_error(p_ai: FloatArray, ai: BoolArray) -> Metric:
    """Return the mean distance of ``p_ai`` from the share of AI pictures, over equal bins.

    Source: Naeini et al. 2015; bins as in torchmetrics' ``BinaryCalibrationError``.
    """
    bins = calibration_bins(p_ai)
    gaps = np.zeros((len(p_ai), CALIBRATION_BINS))
    gaps[np.arange(len(p_ai)), bins] = ai - p_ai
    return lambda weights: ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def calibration_bins(p_ai: FloatArray) -> IntArray:
    """Return the bin of each probability, 0 to ``CALIBRATION_BINS - 1``."""
    return np.minimum((p_ai * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def _weights_by_score(
    weights: FloatArray, p_ai: FloatArray, ai: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return weights of photographs and of AI pictures at each distinct score, ascending."""
    order = np.argsort(p_ai, kind="stable")
    ordered = p_ai[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sorted_weights = weights[:, order]
    fakes = np.add.reduceat(sorted_weights * ai[order], starts, axis=1)
    return np.add.reduceat(sorted_weights, starts, axis=1) - fakes, fakes


def _mean_of_defined(values: Sequence[FloatArray]) -> FloatArray:
    """Return the mean over the defined figures, for each resample."""
    table = np.stack(values)
    defined = np.isfinite(table)
    return ratio(np.where(defined, table, 0.0).sum(axis=0), defined.sum(axis=0).astype(np.float64))
