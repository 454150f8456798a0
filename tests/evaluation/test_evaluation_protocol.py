"""One run, one report: tiers, held-out sources, external data, leak probes and targets."""

import csv
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from labelled_pictures import write_labelled_pictures
from tiny_model import SPEC, write_tiny_model

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import UsageError
from trustthepixels.train.data.folds import FOLDS, leave_sources_out, split_by_fold
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.data.splits import (
    Split,
    read_splits,
    split_by_group,
    splits_fingerprint,
    write_splits,
)
from trustthepixels.train.evaluation.goals import GOALS, Direction, Status, check_targets
from trustthepixels.train.evaluation.parts import PartKind
from trustthepixels.train.evaluation.request import (
    DataRequest,
    EvaluationRequest,
    parse_fold_models,
)
from trustthepixels.train.evaluation.run import run_evaluation
from trustthepixels.train.pictures.tiers import Tier
from trustthepixels.train.reports.files import write_evaluation
from trustthepixels.train.reports.text import terminal_report


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Crops of the examples, every example a source of its own: nine of each class."""
    folder = write_labelled_pictures(
        tmp_path_factory.mktemp("inside") / "pictures", per_picture=2, side=64
    )
    rows = list(csv.DictReader((folder / "manifest.csv").open()))
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"source": row["group"].removesuffix("-0")} for row in rows)
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    return write_labelled_pictures(
        tmp_path_factory.mktemp("outside") / "elsewhere", per_picture=1, side=80, seed=7
    )


@pytest.fixture(scope="module")
def splits(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("splits") / "splits.csv"
    write_splits(path, split_by_group(load_samples(data), 42))
    return path


@pytest.fixture(scope="module")
def written(whole_report, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    write_evaluation(folder, whole_report)
    return folder


def evaluated(model, choice, **options):
    return run_evaluation(
        EvaluationRequest(str(model), choice, device=Device.CPU, threads=1, **options)
    )


@pytest.fixture(scope="module")
def whole_report(data, foreign, splits, tmp_path_factory):
    """Everything at once, with the same model for each fold."""
    tiny_model = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    choice = DataRequest(data, splits, Split.TEST, external=(foreign,))
    models = dict.fromkeys(range(FOLDS), str(tiny_model))
    tiers = (Tier.CLEAN, Tier.WEB)
    return evaluated(tiny_model, choice, fold_models=models, tiers=tiers, leak_probe=True)


def as_bundled(report):
    return replace(report, model=replace(report.model, is_bundled=True))


def test_every_part_is_measured_in_every_tier_under_the_name_of_its_split(whole_report):
    assert [(one.title, len(one.part.samples)) for one in whole_report.measurements] == [
        (f"{part}, {tier} tier", count)
        for part, count in [
            ("pictures, test split", 6),
            ("pictures, sources held out in 5 folds", 36),
            ("elsewhere, external", 18),
        ]
        for tier in ("clean", "web")
    ]


def test_held_out_sources_are_each_judged_by_the_model_of_their_fold(tiny_model, data, tmp_path):
    # A model that answers the opposite for fold 3 gives itself away.
    spec = replace(SPEC, calibration=replace(SPEC.calibration, bias=40.0))
    other = write_tiny_model(tmp_path / "other.onnx", spec=spec)
    models = dict.fromkeys(range(FOLDS), str(tiny_model)) | {3: str(other)}
    (measurement,) = evaluated(tiny_model, DataRequest(data), fold_models=models).measurements
    assert measurement.part.kind is PartKind.HELD_OUT
    _, held_out = leave_sources_out(load_samples(data), 3)
    raised = {p.sample.file for p in measurement.evaluation.predictions if p.verdict.p_ai == 1.0}
    assert raised == {sample.file for sample in held_out}
    assert {p.fold for p in measurement.evaluation.predictions} == set(range(FOLDS))


def test_one_fold_of_the_model_itself(tiny_model, data):
    (measurement,) = evaluated(tiny_model, DataRequest(data, fold=2)).measurements
    _, held_out = leave_sources_out(load_samples(data), 2)
    assert measurement.part.samples == held_out
    assert measurement.part.title == "pictures, sources held out in fold 2"


def test_pictures_that_the_model_was_trained_on_are_counted(data, splits, tmp_path):
    samples = load_samples(data)
    by_seed, by_fold = split_by_group(samples, 42), split_by_fold(samples, 1)
    held_out_2 = {sample.file for sample in leave_sources_out(samples, 2)[1]}
    learned = {file for file, split in by_seed.items() if split is Split.TRAIN}
    learned_1 = {file for file, split in by_fold.items() if split is Split.TRAIN}
    chosen = {file for file, split in read_splits(splits).items() if split is Split.TEST}
    odd = {file: list(Split)[number % 3] for number, file in enumerate(sorted(by_seed))}
    for trained_with, choice, count in [
        (by_seed, DataRequest(data, splits, Split.TEST), 0),
        (by_seed, DataRequest(data, splits, Split.TRAIN), len(learned)),
        (by_seed, DataRequest(data), len(learned)),
        (by_fold, DataRequest(data, splits, Split.TEST), len(learned_1 & chosen)),
        (by_fold, DataRequest(data, fold=1), 0),
        (by_fold, DataRequest(data, fold=2), len(learned_1 & held_out_2)),
        (dict.fromkeys(by_seed, Split.TRAIN), DataRequest(data, fold=2), len(held_out_2)),
        (odd, DataRequest(data, fold=1), None),
    ]:
        spec = replace(SPEC, data_fingerprint=splits_fingerprint(samples, trained_with))
        report = evaluated(write_tiny_model(tmp_path / "model.onnx", spec=spec), choice)
        (measurement,) = report.measurements
        assert measurement.part.trained_on == count
        text = {None: "cannot know whether", 0: "trained on none of these"}.get(
            count,
            f"warning: the model was trained on {count} of these {len(measurement.part.samples)}",
        )
        assert sum(text in line for line in terminal_report(report).splitlines()) == 1


def test_splits_of_a_run_folder_are_found_beside_its_weights(data, tmp_path):
    samples = load_samples(data)
    own = {sample.file: list(Split)[index % 3] for index, sample in enumerate(samples)}
    spec = replace(SPEC, data_fingerprint=splits_fingerprint(samples, own))
    model = write_tiny_model(tmp_path / "model.onnx", spec=spec)
    (measurement,) = evaluated(model, DataRequest(data)).measurements
    assert measurement.part.trained_on is None
    write_splits(tmp_path / "splits.csv", own)
    (measurement,) = evaluated(model, DataRequest(data)).measurements
    assert measurement.part.trained_on == 12


def test_goals_are_those_of_the_bundled_models_and_come_last(data):
    own = evaluated("edge", DataRequest(data))
    assert own.model.is_bundled
    kind = replace(own.measurements[0].part, kind=PartKind.EXTERNAL)
    external = replace(own, measurements=(replace(own.measurements[0], part=kind),))
    lines = terminal_report(external).splitlines()
    assert "of the goals not measured" in lines[-1]
    other = replace(external, model=replace(external.model, is_bundled=False))
    assert "goal" not in terminal_report(other)
    assert check_targets(other) == ()


def test_each_goal_is_read_off_the_measurement_that_it_names(whole_report):
    results = check_targets(as_bundled(whole_report))
    assert [result.goal for result in results] == list(GOALS)
    by_place = {(one.part.kind, one.tier): one for one in whole_report.measurements}
    for result in results:
        goal = result.goal
        measured = by_place[goal.kind, goal.tier].evaluation.metrics[goal.metric]
        assert result.estimate == measured
        if np.isnan(measured.value):
            assert result.status is Status.NOT_MEASURED
            continue
        above = measured.value >= goal.bound
        assert (result.status is Status.MET) is (above is (goal.direction is Direction.AT_LEAST))


def test_goals_for_held_out_sources_need_all_folds(tiny_model, data):
    results = check_targets(as_bundled(evaluated(tiny_model, DataRequest(data, fold=0))))
    assert {result.status for result in results} == {Status.NOT_MEASURED}


def test_the_page_stands_alone(whole_report, written):
    page = (written / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not {"script", "link", "iframe"} & set(tags.seen)
    assert len(tags.images) == 6 * 4 + 3
    assert all(image.startswith("data:image/") for image in tags.images)
    assert not re.search(r"(src|href)=\"http|url\(|@import", page)
    for text in ("test split", "sources held out in 5 folds", "external", "Leak probes"):
        assert text in page
    assert 'class="pill ' not in page
    for value in whole_report.measurements[-1].evaluation.metrics.values():
        assert np.isnan(value.value) or f"{value.value:.1%}" in page or f"{value.value:.3f}" in page


class Tags(HTMLParser):
    """Elements that are open, all that were seen, and the sources of pictures."""

    void = frozenset({"meta", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in self.void:
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attrs)["src"])

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_names_from_the_data_are_escaped_on_the_page(tiny_model, data, tmp_path):
    text = (data / "manifest.csv").read_text().replace(",portrait-f3,", ",<script>alert(1),")
    named = data / "named.csv"
    named.write_text(text)
    write_evaluation(tmp_path, evaluated(tiny_model, DataRequest(named)))
    named.unlink()
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_everything_is_in_the_json_with_its_split(written):
    report = json.loads((written / "evaluation.json").read_text())
    places = [(one["data"]["split"], one["tier"]) for one in report["measurements"]]
    kinds = ("test split", "sources held out", "external")
    assert places == [(kind, tier) for kind in kinds for tier in ("clean", "web")]
    assert [len(one["models"]) for one in report["measurements"]] == [1, 1, 5, 5, 1, 1]
    assert report["targets"] == []
    assert {one["data"]["split"] for one in report["leak_probes"]} == set(kinds)
    sources = report["measurements"][2]["sources"]
    assert len(sources) == 18
    for source in sources:
        assert (source["false_positive_rate"] is None) is (source["class"] == "ai")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "figure"), [("AI", "recall_ai"), ("Real", "recall_real")])
def test_one_class_alone_has_its_own_figures(tiny_model, foreign, tmp_path, name, figure):
    folder = tmp_path / "one"
    shutil.copytree(foreign / name, folder / name)
    out = tmp_path / "out"
    out.mkdir()
    tiers = (Tier.CLEAN, Tier.UPSCALE)
    report = evaluated(tiny_model, DataRequest(folder), tiers=tiers, leak_probe=True)
    write_evaluation(out, report)
    for measurement in report.measurements:
        assert 0.0 <= measurement.evaluation.metrics[figure].value <= 1.0
        assert np.isnan(measurement.evaluation.metrics["balanced_accuracy"].value)
    counts = {"AI": "9 ai, 0 real", "Real": "0 ai, 9 real"}
    assert counts[name] in terminal_report(report)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"splits": "splits.csv", "split": Split.TEST, "fold": 1}, "exclude each other"),
        ({"external": True}, "two data sets are called"),
    ],
)
def test_parts_that_cannot_be_told_apart(tiny_model, foreign, choice, reason):
    if choice.get("external"):
        choice = {"external": (foreign, foreign)}
    with pytest.raises(UsageError, match=reason):
        evaluated(tiny_model, DataRequest(foreign, **choice))


@pytest.mark.parametrize("texts", [("5=m",), ("m",), ("1=",), ("1=a", "1=b"), ("x=a",)])
def test_fold_models_are_given_as_number_and_model(texts):
    with pytest.raises(UsageError, match="--fold-model"):
        parse_fold_models(texts)


def test_fold_models_by_their_numbers():
    assert parse_fold_models(("0=a.onnx", "4=b=c.onnx")) == {0: "a.onnx", 4: "b=c.onnx"}
