"""Calibrated probabilities and the verdicts' thresholds, fitted to logits of held-out pictures."""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.spec import Calibration
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.infer.results import LABELS

from ..arrays import FloatArray, IntArray

FALSE_POSITIVE_RATES = (0.01, 0.05)
"""Shares of photographs that may be called ``ai``: the operating points of every model."""

DEFAULT_FALSE_POSITIVE_RATE = 0.01

FALSE_NEGATIVE_RATE = 0.05
"""Share of AI pictures that may be called ``real``."""

_MAX_TEMPERATURE = 1000.0
"""Bound for a network that has learned nothing: every ``p_ai`` is then close to 0.5."""


def calibrate(logits: FloatArray, targets: IntArray) -> tuple[Calibration, Thresholds]:
    """Fit probability and thresholds on pictures that the network was not trained on.

    Args:
        logits: shape (n, 2), in the order of ``LABELS``, finite.
        targets: shape (n,), indices of the true labels; both classes must occur.

    Raises:
        InputError: a class is missing, a logit is not finite, or so many photographs have a
            ``p_ai`` of exactly 1 that no threshold keeps a false positive rate.
    """
    if logits.ndim != 2 or logits.shape[1] != len(LABELS) or targets.shape != logits.shape[:1]:
        raise InputError(f"logits {logits.shape} and targets {targets.shape} differ in length")
    if not np.isfinite(logits).all():
        raise InputError("the network returns logits that are not finite; its training failed")
    if set(targets.tolist()) != set(range(len(LABELS))):
        raise InputError("calibration needs held-out pictures of both classes")
    calibration = fit_platt(logits, targets)
    return calibration, fit_thresholds(probability(logits, calibration), targets)


def probability(logits: FloatArray, calibration: Calibration) -> npt.NDArray[np.float32]:
    """Return ``p_ai`` as the exported graph computes it, float32 of shape (n,), 0 to 1.

    Args:
        logits: shape (n, 2), in the order of ``LABELS``.
        calibration: temperature and bias.
    """
    scores = margin_of(logits) / calibration.temperature + calibration.bias
    # tanh neither overflows nor warns for any score.
    return (0.5 * (1.0 + np.tanh(0.5 * scores))).astype(np.float32)


def fit_platt(logits: FloatArray, targets: IntArray) -> Calibration:
    """Return temperature and bias of greatest likelihood, both classes with the same weight.

    The weights make ``p_ai`` the probability for a picture from a pool that is half AI, for any mix
    of the held-out pictures. Platt's softened targets, (n+1)/(n+2) and 1/(n+2) instead of 1 and 0,
    keep the fit finite if the classes separate perfectly.

    Source: Platt 1999, "Probabilistic outputs for support vector machines".
    """
    margin = margin_of(logits).reshape(-1, 1)
    is_ai = targets == LABELS.index("ai")
    counts = np.where(is_ai, is_ai.sum(), (~is_ai).sum()).astype(np.float64)
    belief = np.where(is_ai, counts + 1.0, 1.0) / (counts + 2.0)
    # scikit-learn takes hard labels only, so each picture enters twice, with the two weights.
    model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8)
    model.fit(
        np.concatenate([margin, margin]),
        np.repeat([1, 0], len(margin)),
        sample_weight=np.concatenate([belief / counts, (1.0 - belief) / counts]) * len(margin),
    )
    slope = float(model.coef_[0, 0])
    if slope * _MAX_TEMPERATURE <= 1.0:
        return Calibration(_MAX_TEMPERATURE, 0.0)
    return Calibration(1.0 / slope, float(model.intercept_[0]))


def fit_thresholds(p_ai: FloatArray, targets: IntArray) -> Thresholds:
    """Return thresholds that hold the stated error rates on these pictures and on similar ones.

    A conservative quantile is used. Of n photographs at most ``rate * (n + 1) - 1`` reach a
    threshold, so a further one reaches it with a probability of at most ``rate`` (split conformal
    prediction, Vovk et al. 2005). With fewer than ``1 / rate - 1`` pictures none reaches it. ``ai``
    is never below 0.5 and ``real`` never above it: no verdict contradicts its probability.

    Args:
        p_ai: shape (n,), 0 to 1.
        targets: shape (n,), indices of the true labels.

    Raises:
        InputError: too many pictures of a class lie exactly at the wrong end of the scale.
    """
    scores = p_ai.astype(np.float64)
    is_ai = targets == LABELS.index("ai")
    points = tuple(
        OperatingPoint(rate, max(0.5, _upper_threshold(scores[~is_ai], rate)))
        for rate in FALSE_POSITIVE_RATES
    )
    real = 1.0 - _upper_threshold(1.0 - scores[is_ai], FALSE_NEGATIVE_RATE)
    return Thresholds(points, DEFAULT_FALSE_POSITIVE_RATE, min(0.5, real))


def _upper_threshold(scores: npt.NDArray[np.float64], rate: float) -> float:
    """Return a threshold that at most ``rate`` of the scores reach, mid-gap against rounding."""
    ordered = np.sort(scores)[::-1]
    # The small term undoes the rounding of products such as 0.01 * 100.
    allowed = max(0, int(np.floor(rate * (len(ordered) + 1) + 1e-9)) - 1)
    barred = ordered[allowed]
    above = ordered[ordered > barred]
    threshold = float(barred + (above[-1] if len(above) else 1.0)) / 2.0
    if not threshold > barred:
        raise InputError(
            f"more than {rate:.0%} of a class lie at the wrong end of the scale; "
            "no threshold keeps that rate"
        )
    return threshold


def logits_of(margin: FloatArray) -> FloatArray:
    """Return logits of shape (n, 2) with a margin of shape (n,): the inverse of ``margin_of``."""
    return np.stack([np.zeros_like(margin), margin], axis=1)


def spread_of(margin: FloatArray, origin: object) -> float:
    """Return the standard deviation of a network's margins.

    Raises:
        InputError: there is none; the text begins with ``origin``.
    """
    spread = float(margin.std())
    if not spread > 0.0:
        raise InputError(f"{origin}: the network answers the same to every picture")
    return spread


def margin_of(logits: FloatArray) -> npt.NDArray[np.float64]:
    """Return the logit of ``ai`` less that of ``real``, shape (n,), for logits of shape (n, 2)."""
    ai, real = LABELS.index("ai"), LABELS.index("real")
    return logits[:, ai].astype(np.float64) - logits[:, real].astype(np.float64)
