"""Bootstrap intervals for figures over pictures that come in groups."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..arrays import BoolArray, FloatArray

Metric = Callable[[FloatArray], FloatArray]
"""Function from weights (resamples, n), the count of each picture, to values (resamples,).

A value is NaN if the figure is undefined, such as a rate over no pictures.
"""

Name = TypeVar("Name", bound=Hashable)

RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 42

_MAX_WEIGHTS = 4_000_000
"""Largest number of weights in memory, 32 MB; more resamples are computed in portions."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; NaN if it is undefined, or if all pictures are one group."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """The metric "share of the population's pictures in which the event holds".

    Attributes:
        event: shape (n,).
        population: shape (n,).
    """

    event: BoolArray
    population: BoolArray

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the share in each resample."""
        happened = (self.event & self.population).astype(np.float64)
        return ratio(weights @ happened, weights @ self.population.astype(np.float64))


def bootstrap(
    metrics: Mapping[Name, Metric],
    groups: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[Name, Estimate]:
    """Return each figure on all pictures, with its percentile interval over resampled groups.

    Whole groups are drawn with replacement, because tiles of one picture or frames of one prompt
    are not independent (cluster bootstrap, Davison and Hinkley 1997, section 3.8). All resamples go
    through a metric at once. A ``Share`` of exactly 0 or 1 does not differ between resamples. It
    gets the exact binomial limit over its groups instead (Clopper and Pearson 1934).

    Args:
        metrics: metrics by name.
        groups: the group of each picture.
        resamples: number of bootstrap resamples.
        seed: seed of the random numbers; equal seeds make equal intervals.
    """
    everything = np.ones((1, len(groups)))
    values: dict[Name, list[FloatArray]] = {name: [] for name in metrics}
    for weights in _resampled_weights(groups, resamples, seed):
        for name, metric in metrics.items():
            values[name].append(metric(weights))
    names = np.asarray(groups)
    return {
        name: _estimate(
            float(metric(everything)[0]),
            np.concatenate(values[name]),
            len(np.unique(names[metric.population] if isinstance(metric, Share) else names)),
            exact=isinstance(metric, Share),
        )
        for name, metric in metrics.items()
    }


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the ratio element by element; NaN if the denominator is 0."""
    undefined = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)


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


def _estimate(value: float, resampled: FloatArray, groups: int, *, exact: bool) -> Estimate:
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or groups < 2 or not len(defined):
        return Estimate(value, np.nan, np.nan)
    tail = 0.5 * (1.0 - CONFIDENCE)
    if exact and value in (0.0, 1.0):
        limit = 1.0 - tail ** (1.0 / groups)
        return Estimate(0.0, 0.0, limit) if value == 0.0 else Estimate(1.0, 1.0 - limit, 1.0)
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return Estimate(value, float(low), float(high))
