"""Bootstrap intervals for figures over pictures that come in groups."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

Metric = Callable[[FloatArray], FloatArray]
"""Weights of shape (resamples, n), how often each picture counts, to values of shape (resamples,).

A value is NaN where the figure is undefined, as a rate over no pictures.
"""

RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 42

_MAX_WEIGHTS = 4_000_000
"""Numbers in memory at once, 32 MB; more resamples go through in portions."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; all three NaN where it is undefined."""

    value: float
    low: float
    high: float


def bootstrap(
    metrics: Mapping[str, Metric],
    groups: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Estimate]:
    """Each figure on all pictures, with its percentile interval over resampled groups.

    Whole groups are drawn with replacement, because tiles of one picture or frames of one prompt
    are not independent (cluster bootstrap, Davison and Hinkley 1997, section 3.8). All resamples
    go through a metric at once. A percentile interval has no width where every picture agrees, as
    at a rate of exactly 0.

    Args:
        metrics: by name.
        groups: the group of each picture.
        resamples: number of bootstrap resamples.
        seed: of their random numbers; the same seed gives the same interval.
    """
    everything = np.ones((1, len(groups)))
    values: dict[str, list[FloatArray]] = {name: [] for name in metrics}
    for weights in _resampled_weights(groups, resamples, seed):
        for name, metric in metrics.items():
            values[name].append(metric(weights))
    return {
        name: _estimate(float(metric(everything)[0]), np.concatenate(values[name]))
        for name, metric in metrics.items()
    }


def _resampled_weights(groups: Sequence[str], resamples: int, seed: int) -> Iterator[FloatArray]:
    names, membership = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    portion = max(1, _MAX_WEIGHTS // len(groups))
    for start in range(0, resamples, portion):
        rows = min(portion, resamples - start)
        drawn = rng.integers(len(names), size=(rows, len(names)))
        drawn += np.arange(rows)[:, np.newaxis] * len(names)
        counts = np.bincount(drawn.ravel(), minlength=rows * len(names))
        yield counts.reshape(rows, len(names))[:, membership].astype(np.float64)


def _estimate(value: float, resampled: FloatArray) -> Estimate:
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(defined):
        return Estimate(np.nan, np.nan, np.nan)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(defined, [tail, 100.0 - tail])
    return Estimate(value, float(low), float(high))
