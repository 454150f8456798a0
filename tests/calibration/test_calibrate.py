"""Calibration: probabilities that mean what they say, thresholds that keep their promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.spec import Calibration
from trustthepixels.train.calibration.calibrate import calibrate, fit_thresholds, probability


def logits_of(margins):
    """Logits (n, 2) whose difference AI minus real is ``margins``."""
    margins = np.asarray(margins, dtype=np.float32)
    return np.stack([np.zeros_like(margins), margins], axis=1)


def held_out(n_real=2000, n_ai=2000, sharpness=1.0, shift=0.0, seed=0):
    """Margins whose true log-odds, for equal classes, are ``margin / sharpness - shift``."""
    rng = np.random.default_rng(seed)
    # Two unit normals at distance 2 have log-odds of 2x.
    real, ai = rng.normal(-1.0, 1.0, n_real), rng.normal(1.0, 1.0, n_ai)
    margins = (2.0 * np.concatenate([real, ai]) + shift) * sharpness
    return logits_of(margins), np.repeat([0, 1], [n_real, n_ai])


@st.composite
def scored_pictures(draw):
    """``p_ai`` (float32, many ties) and targets, at least one of each class."""
    levels = st.integers(0, 1000).map(lambda level: 0.001 + 0.998 * level / 1000)
    real = draw(st.lists(levels, min_size=1, max_size=300))
    ai = draw(st.lists(levels, min_size=1, max_size=300))
    targets = np.repeat([0, 1], [len(real), len(ai)])
    return np.array(real + ai, dtype=np.float32), targets


def test_recovers_the_temperature_and_bias_of_an_overconfident_network():
    calibration, _ = calibrate(*held_out(20_000, 20_000, sharpness=3.0, shift=1.0))
    assert calibration.temperature == pytest.approx(3.0, rel=0.05)
    assert calibration.bias == pytest.approx(-1.0, abs=0.1)


def test_the_mix_of_the_held_out_pictures_does_not_move_the_probability():
    even, _ = calibrate(*held_out(20_000, 20_000))
    lopsided, _ = calibrate(*held_out(20_000, 1_000))
    assert lopsided.bias == pytest.approx(even.bias, abs=0.15)
    assert lopsided.temperature == pytest.approx(even.temperature, rel=0.1)


def test_perfectly_separated_classes_give_a_finite_calibration():
    logits = logits_of([-3.0] * 50 + [3.0] * 50)
    calibration, thresholds = calibrate(logits, np.repeat([0, 1], 50))
    p_ai = probability(logits, calibration)
    assert 0.0 < p_ai.min() < 0.05
    assert 0.95 < p_ai.max() < 1.0
    assert 0.45 < thresholds.real <= 0.5 <= thresholds.ai[0].threshold < 0.55


@pytest.mark.parametrize("margins", [[0.0] * 40, [2.0] * 20 + [-2.0] * 20])
def test_a_network_that_learned_nothing_is_never_confident(margins):
    logits = logits_of(margins)
    calibration, _ = calibrate(logits, np.repeat([0, 1], 20))
    assert np.abs(probability(logits, calibration) - 0.5).max() < 0.01


def test_probability_is_the_sigmoid_of_the_scaled_margin_and_never_overflows():
    p_ai = probability(logits_of([-1e30, -2.0, 0.0, 2.0, 1e30]), Calibration(2.0, 0.5))
    assert p_ai.dtype == np.float32
    expected = [0.0, 1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(-1.5)), 1.0]
    assert p_ai == pytest.approx(expected, abs=1e-6)


@settings(deadline=None)
@given(scored_pictures())
def test_thresholds_keep_their_rates_on_the_fitting_pictures(scored):
    p_ai, targets = scored
    thresholds = fit_thresholds(p_ai, targets)
    for point in thresholds.ai:
        assert (p_ai[targets == 0] >= point.threshold).mean() <= point.false_positive_rate
    assert (p_ai[targets == 1] < thresholds.real).mean() <= 0.05


@settings(deadline=None)
@given(scored_pictures())
def test_no_verdict_contradicts_its_probability(scored):
    thresholds = fit_thresholds(*scored)
    strict, loose = (point.threshold for point in thresholds.ai)
    assert thresholds.real <= 0.5 <= loose <= strict <= 1.0


def test_a_network_that_separates_well_calls_nothing_ai_below_one_half():
    targets = np.repeat([0, 1], 1000)
    p_ai = np.concatenate([np.linspace(0.0, 0.1, 1000), np.linspace(0.9, 1.0, 1000)])
    thresholds = fit_thresholds(p_ai.astype(np.float32), targets)
    assert [point.threshold for point in thresholds.ai] == [0.5, 0.5]
    assert thresholds.real == 0.5


def test_thresholds_are_no_stricter_than_the_promise_to_new_pictures_demands():
    targets = np.repeat([0, 1], [1000, 1])
    p_ai = np.append(np.linspace(0.5, 0.999, 1000), 0.9).astype(np.float32)
    thresholds = fit_thresholds(p_ai, targets)
    reached = [(p_ai[:1000] >= point.threshold).sum() for point in thresholds.ai]
    assert reached == [9, 49]


@pytest.mark.parametrize(
    ("logits", "targets", "reason"),
    [
        (logits_of([1.0, 2.0]), [1, 1], "both classes"),
        (logits_of([np.nan, 2.0]), [0, 1], "not finite"),
        (logits_of([1.0, 2.0]), [0, 1, 1], "differ in length"),
    ],
)
def test_unusable_held_out_results_are_refused(logits, targets, reason):
    with pytest.raises(InputError, match=reason):
        calibrate(logits, np.array(targets))


def test_photographs_at_the_very_end_of_the_scale_are_refused():
    with pytest.raises(InputError, match="no threshold keeps that rate"):
        fit_thresholds(np.array([1.0, 1.0, 0.5], dtype=np.float32), np.array([0, 0, 1]))
