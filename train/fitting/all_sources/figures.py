"""Figures of answers for held-out sources."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from trustthepixels.infer.results import LABELS

from ...arrays import FloatArray, IntArray
from ...data.manifest import Sample, targets_of

_FALSE_POSITIVE_RATE = 0.05

_FEWEST = 5
"""Pictures of each class that a source must have, to be judged by itself."""


def held_out_figures(
    p_ai: FloatArray, p_ai_changed: FloatArray, samples: Sequence[Sample]
) -> dict[str, float]:
    """Return figures by their names.

    Args:
        p_ai: answers to unchanged pictures by fits that never saw their sources, (n,).
        p_ai_changed: the same for the first changed view.
        samples: the n pictures.
    """
    targets = targets_of(samples)
    figures = {
        "held_out_auc": float(roc_auc_score(targets, p_ai)),
        "held_out_changed_auc": float(roc_auc_score(targets, p_ai_changed)),
        "held_out_true_positive_rate_at_0.05": true_positive_rate(p_ai, targets),
    }
    within = auc_within_sources(p_ai, samples)
    if within is not None:
        figures["held_out_auc_within_sources"] = within
    return figures


def true_positive_rate(p_ai: FloatArray, targets: IntArray) -> float:
    """Return the share of AI pictures above all but 5 % of the photographs.

    Args:
        p_ai: answers, (n,), on any scale.
        targets: indices of the labels, (n,).
    """
    is_ai = targets == LABELS.index("ai")
    barrier = np.quantile(p_ai[~is_ai], 1.0 - _FALSE_POSITIVE_RATE)
    return float((p_ai[is_ai] > barrier).mean())


def auc_within_sources(p_ai: FloatArray, samples: Sequence[Sample]) -> float | None:
    """Return the mean AUC within sources that hold both classes; ``None`` without such a source.

    A curator who collects both classes makes them look alike, so nothing but the generator tells
    them apart. Each source weighs as the root of its smaller class, the inverse of its AUC's error.

    Args:
        p_ai: answers, (n,), on any scale.
        samples: the n pictures.
    """
    sources, targets = np.array([sample.source for sample in samples]), targets_of(samples)
    areas, weights = [], []
    for source in np.unique(sources):
        part = sources == source
        fewest = min(np.bincount(targets[part], minlength=len(LABELS)))
        if fewest >= _FEWEST:
            areas.append(float(roc_auc_score(targets[part], p_ai[part])))
            weights.append(float(fewest) ** 0.5)
    return float(np.average(areas, weights=weights)) if areas else None
