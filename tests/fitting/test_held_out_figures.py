"""Figures of answers for held-out sources: above all, AUC within sources of both classes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.fitting.all_sources.figures import auc_within_sources, held_out_figures

FEWEST = 5


def pictures(*parts):
    """Return samples and answers of (source, answers to AI pictures, answers to photographs)."""
    samples, answers = [], []
    for source, ai, real in parts:
        for label, given_answers in (("ai", ai), ("real", real)):
            for answer in given_answers:
                name = f"{source}-{len(samples)}"
                samples.append(Sample(Path(name), name, label, source, name))
                answers.append(answer)
    return np.array(answers), samples


def share_of_pairs(ai, real):
    """Count the pairs in the right order, ties half."""
    return float(np.mean([(a > r) + 0.5 * (a == r) for a in ai for r in real]))


answers_of_a_class = st.lists(st.integers(0, 9).map(lambda n: n / 10), min_size=FEWEST, max_size=12)


@given(st.lists(st.tuples(answers_of_a_class, answers_of_a_class), min_size=1, max_size=4))
def test_each_source_is_ranked_by_itself_and_weighs_as_the_root_of_its_smaller_class(sources):
    parts = [(f"source{index}", *both) for index, both in enumerate(sources)]
    weights = [min(len(ai), len(real)) ** 0.5 for ai, real in sources]
    wanted = np.average([share_of_pairs(ai, real) for ai, real in sources], weights=weights)
    assert auc_within_sources(*pictures(*parts)) == pytest.approx(wanted)


def test_differences_between_sources_do_not_count():
    apart = (("low", [0.2] * 5, [0.1] * 5), ("high", [0.9] * 5, [0.8] * 5))
    p_ai, samples = pictures(*apart)
    assert auc_within_sources(p_ai, samples) == 1.0
    assert held_out_figures(p_ai, p_ai, samples)["held_out_auc"] < 1.0


@pytest.mark.parametrize("real", [[], [0.5] * (FEWEST - 1)], ids=["one class", "too few of it"])
def test_a_source_without_enough_of_both_classes_does_not_count(real):
    both = ("both", [0.9] * FEWEST, [0.1] * FEWEST)
    p_ai, samples = pictures(both, ("other", [0.1] * 20, real))
    assert auc_within_sources(p_ai, samples) == 1.0
    p_ai, samples = pictures(("other", [0.1] * 20, real), ("real", [], [0.3] * 20))
    assert auc_within_sources(p_ai, samples) is None
    assert "held_out_auc_within_sources" not in held_out_figures(p_ai, p_ai, samples)
