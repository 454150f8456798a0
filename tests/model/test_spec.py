"""``ModelSpec``: one JSON text that says what a model is, and nothing that is not sound is read."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import SPEC

from trustthepixels.infer.errors import SpecError, UsageError
from trustthepixels.infer.images.shape import View
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.infer.results import LABELS, VerdictLabel

probabilities = st.floats(0.0, 1.0)


def changed(**values) -> str:
    """The tiny model's JSON text with some values replaced; ``...`` takes one away."""
    raw = json.loads(SPEC.to_json()) | values
    return json.dumps({key: value for key, value in raw.items() if value is not ...})


class TestText:
    def test_comes_back_as_it_was(self):
        assert ModelSpec.from_json(SPEC.to_json()) == SPEC

    @given(
        temperature=st.floats(0.01, 100.0),
        bias=st.floats(-10.0, 10.0),
        ai=probabilities,
        real=probabilities,
        figures=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    )
    def test_keeps_every_number_to_the_last_bit(self, temperature, bias, ai, real, figures):
        spec = replace(
            SPEC,
            calibration=Calibration(temperature, bias),
            thresholds=Thresholds((OperatingPoint(0.01, ai),), 0.01, real),
            evaluation=figures,
        )
        assert ModelSpec.from_json(spec.to_json()) == spec

    def test_is_the_same_for_equal_specs(self):
        one = replace(SPEC, versions={"a": "1", "b": "2"})
        other = replace(SPEC, versions={"b": "2", "a": "1"})
        assert one.to_json() == other.to_json()

    def test_has_one_line_and_no_time(self):
        assert "\n" not in SPEC.to_json()
        assert not any("time" in key or "date" in key for key in json.loads(SPEC.to_json()))

    def test_cannot_hold_nan(self):
        with pytest.raises(ValueError, match="JSON"):
            replace(SPEC, evaluation={"auc": math.nan}).to_json()


class TestEarlierVersions:
    def test_version_1_had_no_known_answer_and_is_refused(self):
        with pytest.raises(SpecError, match=r"version 1, without a known answer .* export"):
            ModelSpec.from_json(changed(schema_version=1, known_answer=...))


class TestViews:
    def test_a_model_of_the_whole_alone_does_not_mention_them(self):
        assert "views" not in json.loads(SPEC.to_json())
        assert ModelSpec.from_json(SPEC.to_json()).views == (View.WHOLE,)

    def test_several_survive_their_text(self):
        spec = replace(SPEC, views=(View.WHOLE, View.PART))
        assert ModelSpec.from_json(spec.to_json()) == spec
        assert spec.input_shape.axes == (2, *SPEC.input_size, 3)


class TestUnsoundTexts:
    @pytest.mark.parametrize("version", [0, 3, 99, "1", 1.0, True, None, ...])
    def test_an_unknown_schema_version_names_it_and_what_to_do(self, version):
        with pytest.raises(SpecError, match=r"schema version .*; update trustthepixels"):
            ModelSpec.from_json(changed(schema_version=version))

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '"spec"', "[" * 100_000])
    def test_other_json_or_none(self, text):
        with pytest.raises(SpecError):
            ModelSpec.from_json(text)

    @pytest.mark.parametrize("key", sorted(json.loads(SPEC.to_json())))
    def test_a_missing_value_is_named(self, key):
        with pytest.raises(SpecError, match=key.replace("_", "[_ ]")):
            ModelSpec.from_json(changed(**{key: ...}))

    @pytest.mark.parametrize(
        "values",
        [
            {"name": 5},
            {"data_fingerprint": None},
            {"labels": ["ai", "real"]},
            {"labels": "real"},
            {"input_size": [224]},
            {"input_size": [224.5, 224]},
            {"input_size": [0, 224]},
            {"input_size": [100_000, 224]},
            {"resize": "crop"},
            {"interpolation": "nearest"},
            {"mean": [0.5, 0.5]},
            {"std": [0.0, 0.2, 0.2]},
            {"std": [math.nan, 0.2, 0.2]},
            {"calibration": {"temperature": 0.0, "bias": 0.0}},
            {"calibration": {"temperature": -1.0, "bias": 0.0}},
            {"calibration": {"temperature": 1.0}},
            {"calibration": {"temperature": True, "bias": 0.0}},
            {"calibration": {"temperature": 10**400, "bias": 0.0}},
            {"thresholds": {"ai": [], "default_false_positive_rate": 0.01, "real": 0.4}},
            {"thresholds": 0.5},
            {"evaluation": {"auc": "good"}},
            {"versions": 3},
            {"surprise": 1},
            {"views": []},
            {"views": ["part"]},
            {"views": ["whole", "whole"]},
            {"views": ["whole", "corner"]},
            {"views": 2},
        ],
        ids=str,
    )
    def test_a_value_that_makes_no_sense(self, values):
        with pytest.raises(SpecError):
            ModelSpec.from_json(changed(**values))

    @pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, "0.5", None])
    def test_a_threshold_that_is_no_probability(self, threshold):
        points = [{"false_positive_rate": 0.01, "threshold": threshold}]
        thresholds = {"ai": points, "default_false_positive_rate": 0.01, "real": 0.4}
        with pytest.raises(SpecError):
            ModelSpec.from_json(changed(thresholds=thresholds))

    def test_a_default_operating_point_that_does_not_exist(self):
        points = [{"false_positive_rate": 0.05, "threshold": 0.5}]
        thresholds = {"ai": points, "default_false_positive_rate": 0.01, "real": 0.4}
        with pytest.raises(SpecError):
            ModelSpec.from_json(changed(thresholds=thresholds))

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=6,
    )

    @given(key=st.sampled_from(sorted(json.loads(SPEC.to_json()))), value=json_values)
    @settings(max_examples=300, deadline=None)
    def test_any_value_in_any_place_is_read_or_refused(self, key, value):
        try:
            spec = ModelSpec.from_json(changed(**{key: value}))
        except SpecError:
            return
        assert ModelSpec.from_json(spec.to_json()) == spec


class TestRule:
    def test_the_default_operating_point_decides(self):
        rule = SPEC.rule()
        assert (rule.real, rule.ai) == (0.4, 0.8)
        assert rule(0.8).label is VerdictLabel.AI
        assert rule(0.79).label is VerdictLabel.UNSURE
        assert rule(0.4).label is VerdictLabel.UNSURE
        assert rule(0.39).label is VerdictLabel.REAL

    def test_another_operating_point_by_its_false_positive_rate(self):
        assert SPEC.rule(false_positive_rate=0.05).ai == 0.6

    def test_an_operating_point_that_the_model_lacks_names_those_it_has(self):
        with pytest.raises(UsageError, match=r"0\.02; use 0\.01, 0\.05"):
            SPEC.rule(false_positive_rate=0.02)

    def test_a_threshold_of_the_user(self):
        assert SPEC.rule(threshold=0.9)(0.85).label is VerdictLabel.UNSURE
        assert SPEC.rule(threshold=0.9)(0.9).label is VerdictLabel.AI

    def test_a_threshold_below_the_one_for_real_leaves_nothing_unsure(self):
        rule = SPEC.rule(threshold=0.2)
        assert rule(0.2).label is VerdictLabel.AI
        assert rule(0.19).label is VerdictLabel.REAL

    @given(p_ai=probabilities)
    def test_without_unsure_all_that_is_not_ai_is_real(self, p_ai):
        for point in SPEC.thresholds.ai:
            rate = point.false_positive_rate
            three = SPEC.rule(false_positive_rate=rate)(p_ai)
            two = SPEC.rule(false_positive_rate=rate, unsure=False)(p_ai)
            assert two.p_ai == three.p_ai
            assert two.label is not VerdictLabel.UNSURE
            assert (two.label is VerdictLabel.AI) is (three.label is VerdictLabel.AI)
        own = SPEC.rule(threshold=0.3, unsure=False)(p_ai).label
        assert own is (VerdictLabel.AI if round(p_ai, 6) >= 0.3 else VerdictLabel.REAL)

    @pytest.mark.parametrize("threshold", [-0.01, 1.01, math.nan, math.inf])
    def test_a_threshold_that_is_no_probability(self, threshold):
        with pytest.raises(UsageError, match="outside 0 to 1"):
            SPEC.rule(threshold=threshold)

    def test_a_threshold_and_an_operating_point_exclude_each_other(self):
        with pytest.raises(UsageError, match="exclude"):
            SPEC.rule(threshold=0.5, false_positive_rate=0.01)

    @given(p_ai=probabilities, threshold=probabilities)
    def test_the_verdict_follows_from_the_digits_that_are_shown(self, p_ai, threshold):
        rule = SPEC.rule(threshold=threshold)
        verdict = rule(p_ai)
        assert verdict.p_ai == round(p_ai, 6)
        assert rule(float(f"{p_ai:.6f}")) == verdict

    @given(lower=probabilities, higher=probabilities, threshold=probabilities)
    def test_a_higher_probability_never_looks_more_real(self, lower, higher, threshold):
        order = [VerdictLabel.REAL, VerdictLabel.UNSURE, VerdictLabel.AI]
        lower, higher = sorted((lower, higher))
        rule = SPEC.rule(threshold=threshold)
        assert order.index(rule(lower).label) <= order.index(rule(higher).label)


def test_labels_are_in_the_order_of_the_logits():
    assert LABELS == ("real", "ai")
