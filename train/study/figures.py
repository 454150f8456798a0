"""Figures of the protocol, computed from the answers of a study's runs.

No verdict depends on thresholds that it helped to set. A fold's calibration and thresholds rest on
the answers of the other four folds; those for test and external pictures rest on all five.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.spec import Calibration
from trustthepixels.infer.model.verdicts import Thresholds, VerdictRule
from trustthepixels.infer.results import FileStatus

from ..arrays import FloatArray, IntArray
from ..calibration.calibrate import calibrate, logits_of, probability
from ..data.folds import FOLDS
from ..data.manifest import Sample, targets_of
from ..evaluation.figures import evaluate
from ..evaluation.predictions import Prediction
from ..metrics.bootstrap import Estimate
from .answers import RunAnswers

TEST, HELD_OUT, EXTERNAL, EXTERNAL_WEB = "test", "held_out", "external", "external_web"
"""Parts of the data that a study measures."""

Figures = Mapping[str, Mapping[str, Estimate]]
"""Figures by part, then by the names of ``metrics.detector_metrics``."""


@dataclass(frozen=True, slots=True)
class StudyPictures:
    """Pictures of a study's answers, in their order.

    Attributes:
        test: pictures of the ordinary split's test.
        folds: pictures of the sources that each fold holds out.
        external: external pictures.
    """

    test: tuple[Sample, ...]
    folds: tuple[tuple[Sample, ...], ...]
    external: tuple[Sample, ...]


def study_figures(pictures: StudyPictures, runs: Mapping[str, RunAnswers]) -> Figures:
    """Return all figures of one recipe.

    Args:
        pictures: pictures of the answers.
        runs: answers of the runs ``whole`` and ``fold0`` to ``fold4``.

    Raises:
        InputError: answers and pictures do not match, or a network answers the same to every
            picture.
    """
    folds = [_in_own_spread(runs[f"fold{fold}"]) for fold in range(FOLDS)]
    whole = _in_own_spread(runs["whole"])
    targets = [targets_of(samples) for samples in pictures.folds]
    held_out: list[Prediction] = []
    for fold, samples in enumerate(pictures.folds):
        others = [other for other in range(FOLDS) if other != fold]
        rule = _fit([folds[other].test for other in others], [targets[other] for other in others])
        held_out += [
            replace(prediction, fold=fold)
            for prediction in _predict(samples, folds[fold].test, rule)
        ]
    rule = _fit([fold.test for fold in folds], targets)
    found = {
        TEST: _predict(pictures.test, whole.test, rule),
        HELD_OUT: held_out,
        EXTERNAL: _predict(pictures.external, whole.external, rule),
        EXTERNAL_WEB: _predict(pictures.external, whole.external_web, rule),
    }
    return {part: evaluate(predictions, None).metrics for part, predictions in found.items()}


def averaged(
    first: Mapping[str, RunAnswers], second: Mapping[str, RunAnswers]
) -> dict[str, RunAnswers]:
    """Return the mean answers of two networks, run by run, each in units of its own spread.

    Raises:
        InputError: a network answers the same to every picture.
    """
    both = {name: (_in_own_spread(first[name]), _in_own_spread(second[name])) for name in first}
    return {
        name: RunAnswers(
            *(0.5 * (getattr(a, one.name) + getattr(b, one.name)) for one in fields(RunAnswers))
        )
        for name, (a, b) in both.items()
    }


def _in_own_spread(answers: RunAnswers) -> RunAnswers:
    """Return answers in units of the spread on the run's validation pictures, comparable between
    runs."""
    spread = float(answers.validation.std())
    if not spread > 0.0:
        raise InputError("a network of the study answers the same to every picture")
    return replace(
        answers,
        validation=answers.validation / spread,
        test=answers.test / spread,
        external=answers.external / spread,
        external_web=answers.external_web / spread,
    )


def _fit(
    margins: Sequence[FloatArray], targets: Sequence[IntArray]
) -> tuple[Calibration, Thresholds]:
    return calibrate(logits_of(np.concatenate(margins)), np.concatenate(targets))


def _predict(
    samples: Sequence[Sample], margins: FloatArray, fitted: tuple[Calibration, Thresholds]
) -> list[Prediction]:
    if len(samples) != len(margins):
        raise InputError(f"{len(margins)} answers for {len(samples)} pictures; use another --out")
    calibration, thresholds = fitted
    rule = VerdictRule(thresholds.ai_threshold(), thresholds.real)
    p_ai = probability(logits_of(margins), calibration).tolist()
    return [
        Prediction(sample, FileStatus.OK, rule(one))
        for sample, one in zip(samples, p_ai, strict=True)
    ]
