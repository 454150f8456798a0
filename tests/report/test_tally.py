"""A page shows what sorting all rows would show."""

import resource
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.pages import judged, stating, write_rows

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.output.finished import CommonFolder, finished_rows
from trustthepixels.infer.output.rows import Columns, names_of
from trustthepixels.infer.report.chart import histogram, largest_bar
from trustthepixels.infer.report.sheets import nearest_unsure
from trustthepixels.infer.report.tally import BINS, tally
from trustthepixels.infer.results import FileStatus, ScanRow

RULE = VerdictRule(0.8, 0.3)

PROBABILITIES = st.integers(0, 1_000_000).map(lambda millionths: millionths / 1e6)


def rows_from(probabilities, failures=0):
    rows = [judged(f"d/{n}.jpg", p, RULE(p).label) for n, p in enumerate(probabilities)]
    return rows + [ScanRow(f"d/{n}", FileStatus.CORRUPT, error="x") for n in range(failures)]


def written(folder, rows, columns=Columns.USUAL):
    return finished_rows(str(write_rows(folder / "rows.csv", rows, RowFormat.CSV, columns)))


@given(probabilities=st.lists(PROBABILITIES, max_size=60), pictures=st.integers(0, 20))
def test_the_shown_rows_are_the_first_of_all_rows_in_order(
    tmp_path_factory, probabilities, pictures
):
    folder = tmp_path_factory.mktemp("rows")
    result = tally(written(folder, rows_from(probabilities, 3)), pictures)
    numbered = list(enumerate(probabilities))
    highest = sorted(numbered, key=lambda item: (-item[1], item[0]))[:pictures]
    assert [row.path for row in result.likeliest] == [f"d/{n}.jpg" for n, _ in highest]
    unsure = [(n, p) for n, p in numbered if 0.3 <= p < 0.8]
    nearest = sorted(min(0.8 - p, p - 0.3) for _, p in unsure)[:pictures]
    found = nearest_unsure(result, RULE)[:pictures]
    assert sorted(min(0.8 - row.p_ai, row.p_ai - 0.3) for row in found) == nearest
    real = [f"d/{n}.jpg" for n, p in numbered if p < 0.3]
    assert len(result.real) == min(len(real), pictures)
    assert [path for path in real if path in {row.path for row in result.real}] == [
        row.path for row in result.real
    ]
    assert result.verdicts == Counter(
        {"": 3, **Counter(RULE(p).label.value for p in probabilities)}
    )
    assert sum(map(sum, result.bins.values())) == len(probabilities)
    assert result.fits(RULE)
    assert not probabilities or largest_bar(result) >= len(probabilities) / BINS


def test_the_sample_is_fair(tmp_path):
    rows = written(tmp_path, rows_from([0.1] * 4000))
    places = [int(row.path[2:-4]) for row in tally(rows, 400).real]
    assert places == sorted(set(places))
    # 100 of each quarter are expected, with a standard deviation of 8.2.
    quarters = Counter(place // 1000 for place in places)
    assert all(60 < quarters[quarter] < 140 for quarter in range(4))


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (VerdictRule(0.8, 0.3), True),
        (VerdictRule(0.9, 0.3), True),
        (VerdictRule(0.95, 0.3), False),
        (VerdictRule(0.7, 0.3), False),
        (VerdictRule(0.8, 0.1), False),
        (VerdictRule(0.8, 0.45), False),
        (VerdictRule(0.8, 0.8, has_unsure=False), False),
    ],
)
def test_a_rule_fits_if_it_can_have_given_all_verdicts(tmp_path, rule, fits):
    rows = [*rows_from([0.1, 0.2, 0.4, 0.75, 0.9])]
    doubted = judged("d/tiny.jpg", 0.99, "unsure", note="doubt: almost uniform")
    result = tally(written(tmp_path, [*rows, doubted]), 5)
    assert result.fits(rule) is fits
    assert result.doubts == 1


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["a/b/c.jpg", "a/b/d/e.jpg"], "a/b"),
        (["a/b/c.jpg", "a/bc/e.jpg"], "a"),
        (["c.jpg", "a/e.jpg"], ""),
        (["/c.jpg", "/a/e.jpg"], "/"),
        (["/a/c.jpg", "a/e.jpg", "/a/d.jpg"], ""),
        (["/a/c.jpg", "/a/b/e.jpg", "/a/b.jpg"], "/a"),
        ([], ""),
    ],
)
def test_the_common_folder(paths, folder):
    common = CommonFolder()
    for path in paths:
        common.add(path)
    assert common.folder == folder


def test_only_what_excludes_the_other_contradicts(tmp_path):
    pairs = [
        (origin, label)
        for origin in ("", "ai", "ai-edited", "camera", "other")
        for label in ("ai", "unsure", "real")
    ]
    rows = [
        stating(f"{origin}-{label}.jpg", 0.5, label, origin, "signed" if origin else "")
        for origin, label in pairs
    ]
    finished = written(tmp_path, rows, Columns.WITH_PROVENANCE)
    result = tally(finished, 50, len(names_of(Columns.WITH_PROVENANCE)))
    assert {row.path for row in result.contradicting} == {"ai-real.jpg", "camera-ai.jpg"}
    assert result.contradictions == 2


def test_limits_at_the_ends_stay_within_the_drawing(tmp_path):
    result = tally(written(tmp_path, rows_from([0.0, 1.0])), 5)
    for rule in (VerdictRule(1.0, 0.0), VerdictRule(0.0, 0.0), VerdictRule(0.5, 0.5), RULE):
        drawing = histogram(result, rule)
        assert drawing.count('class="limit"') == (2 if rule.real < rule.ai else 1)
        assert 'text-anchor="end">real below 0<' not in drawing
        assert 'text-anchor="start">ai from 1<' not in drawing


MEASURE = """
import resource, sys
from trustthepixels.infer.output.finished import finished_rows
from trustthepixels.infer.report.tally import tally

assert tally(finished_rows(sys.argv[1]), 200).files == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RUSAGE_SELF"), reason="needs getrusage")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    def memory(count):
        path = tmp_path / f"{count}.csv"
        rows = (
            judged(f"photos/{n:09}.jpg", n % 997 / 997, RULE(n % 997 / 997).label)
            for n in range(count)
        )
        write_rows(path, rows)
        command = [sys.executable, "-c", MEASURE, path, str(count)]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    assert memory(400_000) - memory(20_000) < 8_000
