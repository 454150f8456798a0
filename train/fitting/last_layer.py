"""Fit of the last layer alone, on the statistics of a network's stages.

A logistic regression is exact, takes minutes on a CPU, and generalises as far as the features do.
On sources outside the training it does better than short fine-tuning (``train/bundled/study.md``).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.shape import InputShape

from ..arrays import FloatArray, IntArray
from ..data.manifest import Sample, targets_of
from ..networks.hardware import Arithmetic
from ..networks.network import Classifier
from ..networks.stage_resnet import StageResNet
from ..networks.stage_statistics import (
    Features,
    on_raw_features,
    scaler_of,
    split_margin,
    stage_statistics,
    staged_backbone,
)
from ..networks.teacher import Teacher, softened_answers
from ..pictures.augment import Augmentation, augment
from ..pictures.batches import See, in_batches, seen_as_input
from ..pictures.load import load_image
from .hidden_layer import HiddenFit, fit_hidden_layer, hidden_units

CHANGED_VIEWS = 2
"""Number of changed views of each training picture, besides the unchanged one."""

INVERSE_PENALTY = 0.005
"""scikit-learn's ``C`` for the stages of a ResNet: the best of 0.001 to 0.05 on a validation split,
for the ImageNet ResNet18."""

_TOWER_INVERSE_PENALTY = 0.0003
"""scikit-learn's ``C`` for the blocks of a tower, seven times as many numbers: the best of 0.0001
to 0.001 on held-out sources."""

_BATCH_SIZE = 16


class LayerFit(Protocol):
    """A fit of the layers after the stages: a regression, or a hidden layer and the last one."""

    def decision_function(self, features: Features, /) -> FloatArray:
        """Return the logit of ``ai`` less that of ``real``, (n,)."""


def fit_last_layer(
    network: Classifier,
    samples: Sequence[Sample],
    augmentation: Augmentation,
    shape: InputShape,
    arithmetic: Arithmetic,
    teacher: Teacher | None = None,
    inverse_penalty: float | None = None,
) -> None:
    """Set the last layer; all other weights stay unchanged.

    Args:
        network: with stages, see ``stage_resnet``; changed in place.
        samples: the training pictures, of both classes.
        augmentation: changes of the views, besides the unchanged one.
        shape: shape of the network's input.
        arithmetic: device and precision of the stages and the teacher.
        teacher: networks whose answers to the same pictures, as they see them, replace the labels.
        inverse_penalty: scikit-learn's ``C``; ``None`` for the network's usual one.

    Raises:
        UsageError: the network's last layer does not see its stages.
        InputError: a picture cannot be used.
    """
    staged_backbone(network)
    penalty = inverse_penalty or usual_inverse_penalty(network)
    features = stage_statistics(network, _shown(samples, augmentation, shape), arithmetic)
    if teacher is None:
        fitted = fit_on_labels(network, features, samples, penalty, arithmetic)
    else:
        shown = _shown(samples, augmentation, teacher.input_shape)
        answers = softened_answers(teacher, shown, arithmetic)
        fitted = fit_soft_regression(features, answers, penalty)
    set_last_layer(network, fitted)


def _shown(
    samples: Sequence[Sample], augmentation: Augmentation, shape: InputShape
) -> Iterator[list[PixelArray]]:
    """Return batches of all pictures unchanged, then changed once, and once more."""
    ways: list[See] = [
        partial(seen_as_input, shape=shape),
        *(
            partial(changed_view, augmentation=augmentation, shape=shape, repeat=repeat)
            for repeat in range(CHANGED_VIEWS)
        ),
    ]
    for see in ways:
        for batch in in_batches(samples, see, _BATCH_SIZE):
            yield [view for views in batch for view in views]


def changed_view(
    sample: Sample, augmentation: Augmentation, shape: InputShape, repeat: int
) -> list[PixelArray]:
    """Return a view with random changes that depend only on its group and the repetition.

    Raises:
        InputError: the picture cannot be used.
    """
    seed = hashlib.blake2b(f"{repeat}:{sample.group}".encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(seed))
    return [augment(load_image(sample.path), augmentation, shape, rng)]


def source_weights(samples: Sequence[Sample]) -> FloatArray:
    """Return a weight for each picture, (n,), with a mean of 1.

    Both classes weigh the same. A source weighs as the root of its number of pictures: a further
    source teaches more than further pictures of a known one.
    """
    sources = Counter((sample.target, sample.source) for sample in samples)
    weights = np.array([sources[sample.target, sample.source] ** -0.5 for sample in samples])
    targets = targets_of(samples)
    for target in set(targets.tolist()):
        weights[targets == target] /= weights[targets == target].sum()
    scaled: FloatArray = weights * len(samples) / weights.sum()
    return scaled


def usual_inverse_penalty(network: Classifier) -> float:
    """Return the usual ``C`` of scikit-learn for a network's stages."""
    is_resnet = isinstance(network.backbone, StageResNet)
    return INVERSE_PENALTY if is_resnet else _TOWER_INVERSE_PENALTY


def fit_on_labels(
    network: Classifier,
    features: Features,
    samples: Sequence[Sample],
    inverse_penalty: float,
    arithmetic: Arithmetic,
) -> LayerFit:
    """Fit the layers after a network's stages: a hidden one if there is one, or a regression.

    Args:
        network: network with stages; unchanged.
        features: (views * n, features), all first views before all second ones.
        samples: the n pictures.
        inverse_penalty: scikit-learn's ``C``, of a regression.
        arithmetic: device and precision, of a hidden layer.
    """
    units = hidden_units(network)
    if not units:
        regression: LayerFit = fit_on_views(features, samples, inverse_penalty)
        return regression
    return fit_hidden_layer(features, *_weighed(features, samples), units, arithmetic)


def fit_on_views(
    features: Features, samples: Sequence[Sample], inverse_penalty: float = INVERSE_PENALTY
) -> Pipeline:
    """Run ``fit_regression`` on several views of the same pictures, weighed by their sources.

    Args:
        features: (views * n, features), all first views before all second ones.
        samples: the n pictures.
        inverse_penalty: scikit-learn's ``C``.
    """
    return fit_regression(features, *_weighed(features, samples), inverse_penalty)


def _weighed(features: Features, samples: Sequence[Sample]) -> tuple[IntArray, FloatArray]:
    """Return target and weight of each view."""
    views = len(features) // len(samples)
    return np.tile(targets_of(samples), views), np.tile(source_weights(samples), views)


def fit_regression(
    features: Features,
    targets: IntArray,
    weights: FloatArray,
    inverse_penalty: float = INVERSE_PENALTY,
) -> Pipeline:
    """Return standardisation and logistic regression.

    Args:
        features: (n, features).
        targets: (n,), indices of the labels.
        weights: (n,), weight of each row.
        inverse_penalty: scikit-learn's ``C``.
    """
    scaler = scaler_of(features)
    model = LogisticRegression(C=inverse_penalty, max_iter=1000)
    model.fit(scaler.transform(features), targets, sample_weight=weights)
    return make_pipeline(scaler, model)


def fit_soft_regression(
    features: Features, probability: FloatArray, inverse_penalty: float = INVERSE_PENALTY
) -> Pipeline:
    """Run ``fit_regression`` with probabilities of the second label instead of labels.

    Args:
        features: (n, features).
        probability: (n,), 0 to 1.
        inverse_penalty: scikit-learn's ``C``.
    """
    # Each view counts as either label, weighted by its probability: the cross entropy.
    targets = np.repeat([1, 0], len(features))
    scaler = scaler_of(features)
    scaled = scaler.transform(features)
    model = LogisticRegression(C=inverse_penalty, max_iter=1000)
    weights = np.concatenate([probability, 1 - probability])
    model.fit(np.concatenate([scaled, scaled]), targets, sample_weight=weights)
    return make_pipeline(scaler, model)


def set_last_layer(network: Classifier, fitted: LayerFit) -> None:
    """Write a fit on the stages' features into a network, its margin split evenly."""
    if isinstance(fitted, HiddenFit):
        fitted.write(network)
        return
    regression: Any = fitted
    scaler, model = regression[0], regression[1]
    layer: Any = staged_backbone(network).fc
    split_margin(layer, *on_raw_features(scaler, model.coef_, model.intercept_))
