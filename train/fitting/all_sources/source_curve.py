"""Gain from further sources: fits on a share of the sources, judged on held-out ones."""

import csv
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.results import LABELS

from ...arrays import BoolArray, IntArray
from ...data.folds import FOLDS
from ...data.manifest import Sample, targets_of
from ...data.sampling import shuffled
from .answers import spread_on_learned
from .figures import true_positive_rate
from .fits import FitSources

CURVE_NAME = "source-curve.csv"
"""File of a run folder: one row for each share of the sources."""

_SHARES = (0.125, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Figures of five fits on a share of the sources.

    Attributes:
        share: share of the sources of each class that a fit learned, above 0, at most 1.
        sources: their number, the mean of the five fits.
        pictures: number of their pictures, the mean of the five fits.
        auc: area under ROC on held-out sources, 0 to 1.
        true_positive_rate: share of their AI pictures above all but 5 % of their photographs.
    """

    share: float
    sources: float
    pictures: float
    auc: float
    true_positive_rate: float


def source_curve(
    fit: FitSources, samples: Sequence[Sample], folds: IntArray, judged: BoolArray
) -> list[CurvePoint]:
    """Return the figures for each share of the sources, the smallest first.

    Each fold draws its own sources; those of a small share are among those of a larger one. The
    last point has nearly the figures of the run's held-out answers: folds are scaled alike here.

    Args:
        fit: fits on some pictures.
        samples: the n pictures.
        folds: fold in which each picture's source is held out, (n,).
        judged: which pictures the figures are of, (n,).

    Raises:
        InputError: a fit answers the same to every picture.
    """
    targets = targets_of(samples)[judged]
    points = []
    for share in _SHARES:
        margins, learned = np.empty(len(samples)), []
        for fold in range(FOLDS):
            chosen = _some_sources(samples, folds != fold, share, fold)
            learned.append(chosen)
            out = np.flatnonzero(folds == fold)
            name = f"the fit without fold {fold} on {share:.3g} of the sources"
            model = fit(chosen, name)
            margins[out] = model.margins(out, 0) / spread_on_learned(model, chosen, name)
        points.append(
            CurvePoint(
                share,
                float(np.mean([len(_sources(samples, chosen)) for chosen in learned])),
                float(np.mean([chosen.sum() for chosen in learned])),
                float(roc_auc_score(targets, margins[judged])),
                true_positive_rate(margins[judged], targets),
            )
        )
    return points


def write_curve(path: Path, points: Sequence[CurvePoint]) -> None:
    """Write ``source-curve.csv``.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(field.name for field in fields(CurvePoint))
            writer.writerows([f"{value:.6g}" for value in astuple(point)] for point in points)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _some_sources(
    samples: Sequence[Sample], allowed: BoolArray, share: float, seed: int
) -> BoolArray:
    """Return which pictures are of a share of the allowed sources, drawn for each class."""
    taken: set[tuple[str, str]] = set()
    for label in LABELS:
        of_class = {source for kind, source in _sources(samples, allowed) if kind == label}
        drawn = shuffled(of_class, seed)[: math.ceil(share * len(of_class))]
        taken |= {(label, source) for source in drawn}
    is_taken = np.array([(sample.label, sample.source) in taken for sample in samples])
    some: BoolArray = allowed & is_taken
    return some


def _sources(samples: Sequence[Sample], chosen: BoolArray) -> set[tuple[str, str]]:
    """Return class and name of the sources of some pictures; one with both classes counts twice."""
    pairs = zip(samples, chosen, strict=True)
    return {(sample.label, sample.source) for sample, taken in pairs if taken}
