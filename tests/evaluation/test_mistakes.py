"""Mistakes are gathered, may be trained on, and are replayed so that none comes back."""

import hashlib
import shutil
from collections import Counter
from dataclasses import replace

import click
import pytest
from in_process import trustthepixels
from labelled_pictures import write_labelled_pictures
from tiny_model import GAIN, SPEC, Graph, write_tiny_model

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import InputError, TrustThePixelsError
from trustthepixels.train.commands.evaluate import evaluate
from trustthepixels.train.data.hard_examples import hard_examples
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.evaluation.mistakes import check_mistakes_request, collect_mistakes
from trustthepixels.train.evaluation.regressions import (
    Outcome,
    Regression,
    read_regressions,
    regressions_csv,
    replay,
)
from trustthepixels.train.evaluation.request import DataRequest, EvaluationRequest
from trustthepixels.train.evaluation.run import run_evaluation
from trustthepixels.train.evaluation.scorer import open_scorer

OPPOSITE = Graph(gain=-GAIN)
"""It calls dark pictures AI-generated: right where the tiny model is wrong, and wrong elsewhere."""


@pytest.fixture
def models(tmp_path):
    """The tiny model, and one that says the opposite of everything."""
    centred = replace(SPEC, calibration=replace(SPEC.calibration, bias=0.0))
    plain = write_tiny_model(tmp_path / "plain.onnx", spec=centred)
    return plain, write_tiny_model(tmp_path / "opposite.onnx", OPPOSITE, centred)


@pytest.fixture
def crops(tmp_path):
    return write_labelled_pictures(tmp_path / "crops", per_picture=2, side=64)


@pytest.fixture
def gathered(models, crops, tmp_path):
    return gather(models[0], crops, tmp_path / "mistakes")


def gather(model, data, folder, **choice):
    folder.mkdir(exist_ok=True)
    collect_mistakes(folder, report_of(model, data, **choice))
    return folder


def report_of(model, data, **choice):
    request = EvaluationRequest(str(model), DataRequest(data, **choice), device=Device.CPU)
    check_mistakes_request(request)
    return run_evaluation(request)


def outcomes(model, folder):
    """Return the number of each outcome, by its name."""
    scorer = open_scorer(str(model), Device.CPU, 1)
    return Counter(one.outcome for one in replay(folder, scorer))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_exactly_what_is_wrong_is_gathered(models, crops, gathered):
    (measurement,) = report_of(models[0], crops).measurements
    wrong = {
        digest(p.sample.path)
        for p in measurement.evaluation.predictions
        if (p.verdict.p_ai >= 0.5) != (p.sample.label == "ai")
    }
    assert 0 < len(wrong) < 36
    samples = load_samples(gathered)
    assert {digest(s.path) for s in samples} == wrong
    originals = {digest(s.path): s for s in load_samples(crops)}
    for sample in samples:
        original = originals[digest(sample.path)]
        for name in ("label", "source", "group"):
            assert getattr(sample, name) == getattr(original, name)
        assert sample.file.startswith("AI/" if sample.label == "ai" else "Real/")
    listed = read_regressions(gathered / "regressions.csv")
    assert {row.sha256 for row in listed} == wrong
    for row in listed:
        assert (row.p_ai >= 0.5) != (row.label == "ai")
        assert row.fixed == ""
        assert "tiny" in row.note


def test_gathering_again_adds_only_what_is_new(models, crops, gathered):
    before = {path: path.read_bytes() for path in gathered.rglob("*") if path.is_file()}
    gather(models[0], crops, gathered)
    assert {path: path.read_bytes() for path in gathered.rglob("*") if path.is_file()} == before
    gather(models[1], crops, gathered)
    assert len(load_samples(gathered)) == len(read_regressions(gathered / "regressions.csv")) == 36


def test_external_pictures_are_never_gathered(models, crops, examples, tmp_path):
    folder = gather(models[0], crops, tmp_path / "gathered", external=(examples,))
    outside = {digest(s.path) for s in load_samples(examples)}
    assert not outside & {digest(s.path) for s in load_samples(folder)}


def test_an_open_mistake_is_no_failure_and_a_fixed_one_must_stay_fixed(models, gathered):
    plain, opposite = models
    count = len(read_regressions(gathered / "regressions.csv"))
    assert outcomes(plain, gathered) == {Outcome.STILL_WRONG: count}
    assert outcomes(opposite, gathered) == {Outcome.NOW_RIGHT: count}
    assert outcomes(plain, gathered) == {Outcome.STILL_WRONG: count}

    marked = trustthepixels("evaluate", opposite, gathered, "--regressions", "--mark-fixed")
    assert (marked.returncode, marked.stderr) == (0, "")
    assert outcomes(opposite, gathered) == {Outcome.STILL_RIGHT: count}
    lost = trustthepixels("evaluate", plain, gathered, "--regressions")
    assert lost.returncode == 4
    assert f"wrong again  {count:>6}" in lost.stdout
    for row in read_regressions(gathered / "regressions.csv"):
        assert row.sha256[:16] in lost.stdout
        assert row.fixed.startswith("tiny ")


def test_a_listed_picture_that_is_gone_is_said(models, gathered):
    gone = sorted(gathered.glob("*/*"))[0]
    missing = digest(gone)
    gone.unlink()
    done = trustthepixels("evaluate", models[0], gathered, "--regressions")
    assert done.returncode == 1
    assert "not checked       1" in done.stdout
    assert missing[:16] in done.stdout


def test_the_command_gathers_and_says_how_many(models, crops, tmp_path):
    folder = tmp_path / "deep" / "mistakes"
    done = trustthepixels("evaluate", models[0], crops, "--mistakes", folder)
    assert done.returncode == 0, done.stderr
    assert f"{folder}: {len(load_samples(folder))} new mistakes, 0 known ones" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--regressions", "--tier", "web"), "--regressions and --tier exclude each other"),
        (("--mark-fixed",), "--mark-fixed needs --regressions"),
        (("--mistakes", "m", "--tier", "web"), "add --tier clean"),
        (("--mistakes", "m", "--fold-model", "1=x"), "add --split or --fold"),
        (("--regressions",), "cannot read the list"),
    ],
)
def test_options_that_make_no_sense_together(models, crops, options, message):
    arguments = [str(models[0]), str(crops), *options]
    with pytest.raises((click.UsageError, TrustThePixelsError), match=message):
        evaluate.main(arguments, standalone_mode=False)


def test_a_list_is_read_as_it_was_written(tmp_path):
    rows = [
        Regression("b" * 64, "real", 0.99, "model 1", 'a note, with "quotes"'),
        Regression("a" * 64, "ai", 0.25),
    ]
    (tmp_path / "list.csv").write_text(regressions_csv(rows))
    assert read_regressions(tmp_path / "list.csv") == rows[::-1]


@pytest.mark.parametrize(
    "row", ["abc,ai,0.5,,", f"{'a' * 64},fake,0.5,,", f"{'a' * 64},ai,1.5,,", f"{'a' * 64},ai,x,,"]
)
def test_a_damaged_list_is_an_error(tmp_path, row):
    (tmp_path / "list.csv").write_text(f"sha256,label,p_ai,fixed,note\n{row}\n")
    with pytest.raises(InputError, match="cannot read the list"):
        read_regressions(tmp_path / "list.csv")


def test_hard_pictures_join_unless_figures_are_measured_on_them(crops, tmp_path):
    samples = load_samples(crops)
    by_group = {s.group: s for s in samples}
    train = [s for s in samples if s.group in sorted(by_group)[:6]]
    measured = [s for s in samples if s.group in sorted(by_group)[6:9]]
    new = [s for s in samples if s.group in sorted(by_group)[9:]]
    joined = hard_examples([crops], train, measured)
    assert joined == new

    # Without the manifest only the content can tell, and it does.
    plain = tmp_path / "plain"
    shutil.copytree(crops, plain, ignore=shutil.ignore_patterns("manifest.csv"))
    assert [s.file for s in hard_examples([plain], train, measured)] == [s.file for s in new]

    without = hard_examples([crops], train, measured, left_out={"portrait"})
    assert without == [s for s in new if s.source != "portrait"]


def test_nothing_to_train_on_is_an_error(crops):
    with pytest.raises(InputError, match="none of the 36 pictures"):
        hard_examples([crops], [], load_samples(crops))


def test_one_class_is_enough_for_hard_pictures(crops, tmp_path):
    shutil.copytree(crops / "Real", tmp_path / "photographs" / "Real")
    assert len(hard_examples([tmp_path / "photographs"], [], [])) == 18
