"""Runs of a study on frozen stages: a linear layer on their features."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

from trustthepixels.infer.images.shape import InputShape

from ..arrays import FloatArray
from ..data.manifest import Sample, load_samples
from ..fitting.features import FeatureStore
from ..fitting.last_layer import CHANGED_VIEWS, fit_on_views
from ..networks.hardware import choose_arithmetic
from ..networks.network import Classifier
from ..networks.stage_statistics import Features
from ..networks.starting_weights import initialise
from ..pictures.crops import Shown
from ..pictures.tiers import Tier
from .answers import RunAnswers
from .protocol import StudyRequest, StudyRun
from .variants import Variant


def train_frozen(
    request: StudyRequest, variant: Variant, run: StudyRun, folder: Path
) -> RunAnswers:
    """Fit a linear layer and score the pictures; the features stay in the folder for other runs.

    Raises:
        TrustThePixelsError: pictures, weights or the folder cannot be used.
    """
    store = _store(request, variant.architecture, round(request.side * variant.size), folder)
    samples = _all_samples(request.data)
    place = {sample.file: index for index, sample in enumerate(samples)}
    augmentation = variant.recipe.augmentation
    both = augmentation.view is Shown.BOTH
    views = (Shown.WHOLE, Shown.CROP) if both else (augmentation.view,)
    learned = [place[sample.file] for sample in run.train]
    as_they_are = store.seen(samples, views[0], Tier.CLEAN)[learned]
    # A different part of each picture, so no corner is favoured.
    part = np.arange(len(learned)) % as_they_are.shape[1]
    shown = [
        as_they_are[np.arange(len(learned)), part],
        *(
            store.changed(samples, replace(augmentation, view=view), repeat)[learned]
            for repeat in range(CHANGED_VIEWS // len(views))
            for view in views
        ),
    ]
    model = fit_on_views(np.concatenate(shown), run.train)

    def seen(pictures: tuple[Sample, ...], tier: Tier = Tier.CLEAN) -> Features:
        return np.concatenate([store.seen(pictures, view, tier) for view in views], axis=1)

    everything = seen(samples)

    def judge(part: tuple[Sample, ...]) -> FloatArray:
        return _margins(model, everything[[place[sample.file] for sample in part]])

    def judge_external(tier: Tier) -> FloatArray:
        if not run.external:
            return np.empty(0)
        return _margins(model, seen(run.external, tier))

    return RunAnswers(
        validation=judge(run.validation),
        test=judge(run.test),
        external=judge_external(Tier.CLEAN),
        external_web=judge_external(Tier.WEB),
    )


def _margins(model: Pipeline, features: Features) -> FloatArray:
    """Return the regression's answers, averaged over the views of (n, views, features)."""
    pictures, views, values = features.shape
    answers = model.decision_function(features.reshape(pictures * views, values))
    mean: FloatArray = answers.reshape(pictures, views).mean(axis=1)
    return mean


@cache
def _all_samples(data: Path) -> tuple[Sample, ...]:
    return tuple(load_samples(data))


@cache
def _store(request: StudyRequest, architecture: str, side: int, folder: Path) -> FeatureStore:
    network = Classifier(architecture)
    initialise(network, str(request.init))
    return FeatureStore(folder / "features", network, InputShape(side, side), choose_arithmetic())
