"""The figures: known answers, agreement with scikit-learn and torchmetrics, honest intervals."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve
from torchmetrics.functional.classification import binary_calibration_error

from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.train.metrics.bootstrap import Share, bootstrap
from trustthepixels.train.metrics.detector import (
    area_under_roc,
    detector_metrics,
    expected_calibration_error,
    true_positive_rate_at,
)
from trustthepixels.train.reports.plots import trusted_steps

RULE = VerdictRule(ai=0.8, real=0.3)

# Three photographs, one of them called AI with confidence, and four AI pictures.
P_AI = np.array([0.05, 0.40, 0.95, 0.08, 0.60, 0.85, 0.97])
TARGETS = np.array([0, 0, 0, 1, 1, 1, 1])
SOURCES = ["phone", "phone", "film", "dalle", "dalle", "dalle", "flux"]
KNOWN = {
    "accuracy": 5 / 7,
    "balanced_accuracy": (3 / 4 + 2 / 3) / 2,
    # dalle 2/3 and flux 1 with photographs 2/3; phone 1 and film 0 with AI pictures 3/4.
    "mean_source_balanced_accuracy": ((2 / 3 + 2 / 3) + (1 + 2 / 3) + (1 + 3 / 4) + 3 / 4) / 8,
    # Of 12 pairs the AI picture wins 1 + 2 + 2 + 3.
    "auc": 8 / 12,
    "tpr_at_fpr_1pct": 1 / 4,
    "tpr_at_fpr_5pct": 1 / 4,
    "recall_ai": 3 / 4,
    "recall_real": 2 / 3,
    "false_positive_rate_verdict": 1 / 3,
    "false_positive_rate_p50": 1 / 3,
    "true_positive_rate_verdict": 2 / 4,
    "false_negative_rate_verdict": 1 / 4,
    "confident_mistakes": 2 / 7,
    "coverage": 5 / 7,
    "accuracy_when_sure": 3 / 5,
    # Bins of 1/15: 0.05 alone, 0.08 alone, 0.4, 0.6, 0.85, and 0.95 with 0.97.
    "expected_calibration_error": (0.05 + 0.92 + 0.40 + 0.40 + 0.15 + 0.92) / 7,
}


def metrics_of(p_ai, targets, sources=None, folds=None):
    verdicts = [RULE(p).label for p in p_ai]
    return detector_metrics(p_ai, targets, sources or [""] * len(p_ai), verdicts, folds)


def known_estimates():
    metrics = metrics_of(P_AI, TARGETS, SOURCES)
    return bootstrap(metrics, [str(index) for index in range(7)])


@pytest.mark.parametrize("name", KNOWN)
def test_known_answer(name):
    assert known_estimates()[name].value == pytest.approx(KNOWN[name])


def test_every_figure_has_a_known_answer_here():
    assert set(known_estimates()) == set(KNOWN)


def test_models_of_several_folds_are_ranked_each_on_its_own_pictures():
    # The second model scores everything lower, but ranks as well as the first.
    p_ai = np.array([0.4, 0.6, 0.8, 0.1, 0.2, 0.3])
    targets = np.array([0, 1, 1, 0, 1, 1])
    folds = np.array([0, 0, 0, 3, 3, 3])
    everything = np.ones((1, 6))
    apart, together = metrics_of(p_ai, targets, folds=folds), metrics_of(p_ai, targets)
    for name in ("auc", "tpr_at_fpr_1pct"):
        assert apart[name](everything)[0] == 1.0
        assert together[name](everything)[0] < 1.0
    assert apart["accuracy"](everything) == together["accuracy"](everything) == 4 / 6


def test_a_source_is_paired_with_the_other_class_of_its_fold():
    p_ai = np.array([0.9, 0.1, 0.1, 0.9])
    targets = np.array([1, 0, 1, 0])
    metrics = metrics_of(p_ai, targets, ["a", "b", "c", "d"], np.array([0, 0, 1, 1]))
    # All right in fold 0, all wrong in fold 1: (1 + 1 + 0 + 0) / 4.
    assert metrics["mean_source_balanced_accuracy"](np.ones((1, 4)))[0] == 0.5
    # Only fold 0 drawn: the figures of fold 1 are undefined and take no part.
    assert metrics["mean_source_balanced_accuracy"](np.array([[1.0, 1.0, 0.0, 0.0]]))[0] == 1.0


@st.composite
def weighted_scores(draw):
    """``p_ai`` with ties, whether AI, and whole-number weights; both classes have weight."""
    size = draw(st.integers(2, 60))
    numbers = st.lists(st.integers(0, 40), min_size=size, max_size=size)
    p_ai = np.array(draw(numbers)) / 40
    ai = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    ai[:2] = [True, False]
    weights = np.array(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)), float)
    weights[:2] = [1, 2]
    return p_ai, ai, weights


@settings(deadline=None)
@given(weighted_scores())
def test_area_under_roc_agrees_with_scikit_learn_for_any_weights(scores):
    p_ai, ai, weights = scores
    expected = roc_auc_score(ai, p_ai, sample_weight=weights)
    assert area_under_roc(p_ai, ai)(weights[np.newaxis])[0] == pytest.approx(expected)


@settings(deadline=None)
@given(weighted_scores(), st.sampled_from([0.01, 0.05, 0.25, 1.0]))
def test_true_positive_rate_agrees_with_scikit_learns_roc_curve(scores, rate):
    p_ai, ai, weights = scores
    fpr, tpr, _ = roc_curve(ai, p_ai, sample_weight=weights, drop_intermediate=False)
    measured = true_positive_rate_at(rate, p_ai, ai)(weights[np.newaxis])[0]
    assert measured == pytest.approx(tpr[fpr <= rate + 1e-12].max())


@settings(deadline=None)
@given(weighted_scores())
def test_balanced_accuracy_agrees_with_scikit_learn(scores):
    p_ai, ai, weights = scores
    metric = metrics_of(p_ai, ai.astype(int))["balanced_accuracy"]
    expected = balanced_accuracy_score(ai, p_ai >= 0.5, sample_weight=weights)
    assert metric(weights[np.newaxis])[0] == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=50))
def test_calibration_error_agrees_with_torchmetrics(scores):
    # Halves of a thousandth are never on the edge of a bin, where float32 and float64 may differ.
    p_ai = np.array([(round(p * 1000) + 0.5) / 1001 for p, _ in scores])
    ai = np.array([is_ai for _, is_ai in scores])
    expected = binary_calibration_error(
        torch.from_numpy(p_ai), torch.from_numpy(ai.astype(int)), n_bins=15
    )
    measured = expected_calibration_error(p_ai, ai)(np.ones((1, len(ai))))[0]
    assert measured == pytest.approx(float(expected), abs=1e-6)


@settings(deadline=None)
@given(weighted_scores())
def test_ranking_figures_do_not_change_under_a_monotone_map(scores):
    p_ai, ai, weights = scores
    mapped = 1.0 / (1.0 + np.exp(-5.0 * p_ai**3))
    for metric in (area_under_roc, lambda p, y: true_positive_rate_at(0.05, p, y)):
        assert metric(mapped, ai)(weights[np.newaxis]) == metric(p_ai, ai)(weights[np.newaxis])


@settings(deadline=None)
@given(weighted_scores())
def test_every_figure_is_a_rate(scores):
    p_ai, ai, weights = scores
    metrics = metrics_of(p_ai, ai.astype(int))
    for name, metric in metrics.items():
        (value,) = metric(weights[np.newaxis])
        assert np.isnan(value) or -1e-12 <= value <= 1.0 + 1e-12, name


def test_figures_that_need_the_other_class_are_undefined_without_it():
    metrics = metrics_of(P_AI[:3], TARGETS[:3], SOURCES[:3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimates = bootstrap(metrics, ["a", "b", "c"])
    undefined = {name for name, estimate in estimates.items() if np.isnan(estimate.value)}
    assert undefined == {
        "balanced_accuracy",
        "mean_source_balanced_accuracy",
        "auc",
        "tpr_at_fpr_1pct",
        "tpr_at_fpr_5pct",
        "recall_ai",
        "true_positive_rate_verdict",
        "false_negative_rate_verdict",
    }


def right_share(event):
    return {"share": Share(np.asarray(event, bool), np.ones(len(event), bool))}


def test_interval_of_a_share_is_the_binomial_one_where_each_picture_is_its_own_group():
    event = np.arange(400) < 120
    estimate = bootstrap(right_share(event), [str(index) for index in range(400)])["share"]
    deviation = (0.3 * 0.7 / 400) ** 0.5
    assert estimate.value == 0.3
    assert estimate.low == pytest.approx(0.3 - 1.96 * deviation, abs=0.006)
    assert estimate.high == pytest.approx(0.3 + 1.96 * deviation, abs=0.006)


def test_grouped_pictures_count_as_fewer():
    event = np.arange(400) < 120
    single = bootstrap(right_share(event), [str(index) for index in range(400)])["share"]
    tiled = bootstrap(right_share(event), [str(index // 10) for index in range(400)])["share"]
    # Groups of ten that agree widen the interval by the root of ten.
    widening = (tiled.high - tiled.low) / (single.high - single.low)
    assert widening == pytest.approx(10**0.5, rel=0.15)


def test_a_share_of_zero_is_not_certain():
    estimate = bootstrap(right_share(np.zeros(30)), [str(index // 3) for index in range(30)])
    # Ten groups: (1 - limit)^10 = 0.025.
    assert estimate["share"].low == 0.0
    assert estimate["share"].high == pytest.approx(0.3085, abs=1e-4)


def test_one_group_alone_has_no_interval():
    estimate = bootstrap(right_share([True, False]), ["same", "same"])["share"]
    assert estimate.value == 0.5
    assert np.isnan(estimate.low)
    assert np.isnan(estimate.high)


def test_the_same_seed_gives_the_same_interval_in_any_portion(monkeypatch):
    event = np.arange(50) < 20
    groups = [str(index // 2) for index in range(50)]
    whole = bootstrap(right_share(event), groups)
    monkeypatch.setattr("trustthepixels.train.metrics.bootstrap._MAX_WEIGHTS", 700)
    assert bootstrap(right_share(event), groups) == whole
    assert bootstrap(right_share(event), groups, seed=1) != whole


def test_no_line_leads_to_a_bin_of_a_single_picture():
    assert trusted_steps([5, 1, 4, 3, 2, 1]) == [(2, 3), (3, 4)]
    assert trusted_steps([7]) == []
