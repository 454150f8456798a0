"""Evaluation of any of our models on labelled pictures, through the Python API."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from labelled_pictures import write_labelled_pictures
from PIL import Image
from tiny_model import SPEC, expected_p_ai, write_tiny_model

from trustthepixels.infer.choices import Device
from trustthepixels.infer.detector import Detector
from trustthepixels.infer.errors import InputError, ModelError, ProviderError, UsageError
from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.results import FileStatus, VerdictLabel
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.data.splits import Split
from trustthepixels.train.evaluation.predictions import predict
from trustthepixels.train.evaluation.request import DataRequest, EvaluationRequest
from trustthepixels.train.evaluation.run import run_evaluation
from trustthepixels.train.evaluation.scorer import Scorer
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.weights import save_weights
from trustthepixels.train.pictures.tiers import Tier
from trustthepixels.train.reports.contact_sheet import worst_mistakes
from trustthepixels.train.reports.files import write_evaluation


def run(model, data, *, splits=None, split=None, exclude_sources=(), **options):
    choice = DataRequest(data, splits, split, exclude_sources=exclude_sources)
    request = EvaluationRequest(str(model), choice, device=Device.CPU, threads=1, **options)
    return run_evaluation(request)


def evaluation_of(model, data, **options):
    (measurement,) = run(model, data, **options).measurements
    return measurement.evaluation


def p_ai_by_file(evaluation):
    return {p.sample.file: p.verdict.p_ai for p in evaluation.predictions if p.verdict}


def pixels(path):
    return resize(decode(path.read_bytes()).image)


def write_manifest(folder, rows):
    with (folder / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "class", "source", "group"), *rows])


def write_split(path, parts):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "split"), *parts.items()])
    return path


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Two crops of each example; the manifest's source is the first word of its name."""
    return write_labelled_pictures(tmp_path_factory.mktemp("crops"), per_picture=2)


@pytest.fixture
def damaged(tmp_path, examples):
    """The examples, with a truncated and a fake picture among them."""
    folder = tmp_path / "damaged"
    shutil.copytree(examples, folder)
    photograph = (folder / "Real" / "coffee.jpg").read_bytes()
    (folder / "Real" / "cut.jpg").write_bytes(photograph[: len(photograph) // 2])
    (folder / "AI" / "fake.png").write_text("no picture at all")
    return folder


def test_every_picture_is_scored_through_the_real_preprocessing(tiny_model, examples):
    scores = p_ai_by_file(evaluation_of(tiny_model, examples))
    assert len(scores) == 18
    for file, p_ai in scores.items():
        expected = expected_p_ai(pixels(examples / file)[np.newaxis])
        assert p_ai == pytest.approx(expected[0], abs=1e-5), file


def test_figures_and_tables_follow_from_the_scores(tiny_model, examples):
    evaluation = evaluation_of(tiny_model, examples)
    scores = p_ai_by_file(evaluation)
    fakes = np.array([p for file, p in scores.items() if file.startswith("AI/")])
    photographs = np.array([p for file, p in scores.items() if file.startswith("Real/")])
    recalls = (fakes >= 0.5).mean(), (photographs < 0.5).mean()
    assert evaluation.metrics["balanced_accuracy"].value == pytest.approx(sum(recalls) / 2)
    wins = (fakes[:, np.newaxis] > photographs).mean()
    assert evaluation.metrics["auc"].value == pytest.approx(wins)
    assert evaluation.confusion == {
        "ai": {"ai": (fakes >= 0.5).sum(), "real": (fakes < 0.5).sum()},
        "real": {"ai": (photographs >= 0.5).sum(), "real": (photographs < 0.5).sum()},
    }
    called_ai = (photographs >= SPEC.rule().ai).sum()
    assert evaluation.verdicts["real"][VerdictLabel.AI] == called_ai
    assert evaluation.metrics["false_positive_rate_verdict"].value == called_ai / 9
    assert sum(sum(row.values()) for row in evaluation.verdicts.values()) == 18


def test_neither_threads_nor_batch_size_change_the_answer(tiny_model, examples):
    one = evaluation_of(tiny_model, examples, batch_size=1, decode_threads=1)
    many = evaluation_of(tiny_model, examples, batch_size=7, decode_threads=4)
    assert one == many


def test_the_model_never_gets_more_than_a_batch(examples):
    sizes = []

    def score(images):
        sizes.append(len(images))
        return np.full(len(images), 0.5, np.float32)

    scorer = Scorer(SPEC, "fake", "", Device.CPU, score)
    predict(load_samples(examples), scorer, SPEC.rule(), batch_size=7)
    assert sizes == [7, 7, 4]


def test_pictures_that_cannot_be_decoded_are_named_and_left_out(tiny_model, examples, damaged):
    evaluation = evaluation_of(tiny_model, damaged)
    assert [(p.sample.file, p.status) for p in evaluation.failed] == [
        ("AI/fake.png", FileStatus.NOT_AN_IMAGE),
        ("Real/cut.jpg", FileStatus.TRUNCATED),
    ]
    assert all(p.error for p in evaluation.failed)
    assert len(evaluation.predictions) == 20
    assert evaluation.metrics == evaluation_of(tiny_model, examples).metrics


def test_nothing_decodable_is_an_error(tiny_model, tmp_path):
    for name in ("AI", "Real"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "empty.jpg").touch()
    with pytest.raises(InputError, match="none of the 2 pictures"):
        evaluation_of(tiny_model, tmp_path)


def test_a_tier_changes_what_the_model_sees(tiny_model, crops):
    clean, hard = (
        evaluation_of(tiny_model, crops, tiers=(tier,)) for tier in (Tier.CLEAN, Tier.HARD)
    )
    assert p_ai_by_file(clean) != p_ai_by_file(hard)
    assert p_ai_by_file(hard) == pytest.approx(p_ai_by_file(clean), abs=0.05)


def test_large_pictures_are_seen_as_a_scan_sees_them(tiny_model, tmp_path):
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 256, (2700, 2700, 3), dtype=np.uint8)
    path = tmp_path / "AI" / "large.jpg"
    path.parent.mkdir()
    Image.fromarray(grain // np.uint8(2)).save(path, quality=90)
    found = p_ai_by_file(evaluation_of(tiny_model, tmp_path))["AI/large.jpg"]
    assert found == Detector(tiny_model, Device.CPU).predict(path).p_ai
    # Decoding at half the size leaves other pixels than a decode in full.
    assert found != round(float(expected_p_ai(pixels(path)[np.newaxis])[0]), 6)


def test_each_source_has_its_recall(tiny_model, crops):
    evaluation = evaluation_of(tiny_model, crops)
    scores = p_ai_by_file(evaluation)
    by_name = {(result.label, result.source): result for result in evaluation.sources}
    assert [*by_name] == sorted(by_name)
    portraits = by_name["ai", "portrait"]
    own = [p for file, p in scores.items() if file.startswith("AI/portrait")]
    others = [p for file, p in scores.items() if file.startswith("Real/")]
    recall = np.mean(np.array(own) >= 0.5)
    assert portraits.count == len(own) == 12
    assert portraits.recall.value == pytest.approx(recall)
    paired = (recall + np.mean(np.array(others) < 0.5)) / 2
    assert portraits.paired_balanced_accuracy.value == pytest.approx(paired)
    assert sum(portraits.verdicts.values()) == 12
    # Both crops of one picture are one group, and one group alone tells nothing about the spread.
    assert np.isnan(by_name["real", "astronaut"].recall.low)


def test_one_split_of_a_splits_file(tiny_model, crops, tmp_path):
    evaluation = evaluation_of(tiny_model, crops)
    parts = dict.fromkeys(p_ai_by_file(evaluation), "train")
    chosen = [*parts][::5]
    splits = write_split(tmp_path / "splits.csv", parts | dict.fromkeys(chosen, "test"))
    tested = evaluation_of(tiny_model, crops, splits=splits, split=Split.TEST)
    assert [*p_ai_by_file(tested)] == chosen


@pytest.mark.filterwarnings("error")
def test_a_split_of_photographs_alone_has_a_false_positive_rate_and_no_auc(
    tiny_model, crops, tmp_path
):
    files = p_ai_by_file(evaluation_of(tiny_model, crops))
    splits = {file: "test" if file.startswith("Real/") else "train" for file in files}
    path = write_split(tmp_path / "splits.csv", splits)
    report = run(tiny_model, crops, splits=path, split=Split.TEST)
    evaluation = report.measurements[0].evaluation
    assert 0.0 < evaluation.metrics["false_positive_rate_p50"].value < 1.0
    assert np.isnan(evaluation.metrics["auc"].value)
    write_evaluation(tmp_path, report)
    (measurement,) = json.loads((tmp_path / "evaluation.json").read_text())["measurements"]
    assert measurement["metrics"]["auc"] == {"value": None, "low": None, "high": None}


def test_excluded_sources_take_no_part(tiny_model, crops):
    evaluation = evaluation_of(tiny_model, crops, exclude_sources=("portrait", "duck"))
    assert len(evaluation.predictions) == 36 - 12 - 2
    assert not {"portrait", "duck"} & {result.source for result in evaluation.sources}


def test_a_checkpoint_gives_the_calibrated_probability_of_its_logits(tmp_path, examples):
    torch.manual_seed(0)
    network = Classifier("test_resnet", (SPEC.mean, SPEC.std)).eval()
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, network, replace(SPEC, architecture="test_resnet"))
    scores = p_ai_by_file(evaluation_of(weights, examples))
    with torch.inference_mode():
        images = np.stack([pixels(examples / file) for file in scores])
        real, ai = network(torch.from_numpy(images)).double().T
    # Weights are kept in half precision, hence the tolerance.
    expected = torch.sigmoid((ai - real) / 1.5 + 0.25)
    assert [*scores.values()] == pytest.approx(expected.tolist(), abs=2e-3)
    assert len({round(p, 6) for p in scores.values()}) > 1


def test_the_operating_point_moves_the_verdicts_but_not_the_scores(tiny_model, examples):
    strict = evaluation_of(tiny_model, examples, false_positive_rate=0.01)
    loose = evaluation_of(tiny_model, examples, false_positive_rate=0.05)
    custom = evaluation_of(tiny_model, examples, threshold=0.0)
    assert p_ai_by_file(strict) == p_ai_by_file(loose) == p_ai_by_file(custom)
    called = [e.metrics["true_positive_rate_verdict"].value for e in (strict, loose, custom)]
    assert called[0] < called[1] < called[2] == 1.0


def test_the_most_confident_mistakes_come_first(tiny_model, examples):
    mistakes = worst_mistakes(evaluation_of(tiny_model, examples))
    assert mistakes
    assert all((p.verdict.p_ai >= 0.5) != (p.sample.label == "ai") for p in mistakes)
    confidence = [abs(p.verdict.p_ai - 0.5) for p in mistakes]
    assert confidence == sorted(confidence, reverse=True)


@pytest.mark.filterwarnings("error")
def test_everything_is_written_and_the_same_twice(tiny_model, damaged, tmp_path):
    contents = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        write_evaluation(folder, run(tiny_model, damaged))
        contents.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert contents[0] == contents[1]
    drawings = ("histogram", "mistakes", "reliability", "roc")
    pictures = [f"damaged-all-pictures-clean-{drawing}.png" for drawing in drawings]
    assert [*contents[0]] == [*pictures, "evaluation.json", "predictions.csv", "report.html"]
    for name in pictures:
        with Image.open(tmp_path / "first" / name) as picture:
            # Something was drawn: more than the white of an empty sheet.
            assert len(picture.convert("L").getcolors()) > 50


@pytest.mark.filterwarnings("error")
def test_a_model_without_mistakes_gets_a_sheet_that_says_so(tmp_path):
    rows = []
    for label, grey in (("ai", 250), ("real", 5)):
        for index in range(2):
            file = f"{label}{index}.png"
            Image.new("RGB", (64, 64), (grey, grey, grey)).save(tmp_path / file)
            rows.append((file, label, "", ""))
    write_manifest(tmp_path, rows)
    report = run(write_tiny_model(tmp_path / "tiny.onnx"), tmp_path)
    write_evaluation(tmp_path, report)
    (measurement,) = report.measurements
    assert worst_mistakes(measurement.evaluation) == []
    with Image.open(tmp_path / f"{measurement.slug}-mistakes.png") as sheet:
        assert len(sheet.convert("L").getcolors()) > 50


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"split": Split.TEST}, UsageError, "--splits FILE and --split PART are needed together"),
        ({"exclude_sources": ("nobody",)}, InputError, "no such source in the data: nobody"),
        ({"false_positive_rate": 0.5}, UsageError, "no operating point"),
    ],
)
def test_options_that_cannot_be_honoured(tiny_model, crops, options, error, reason):
    with pytest.raises(error, match=reason):
        evaluation_of(tiny_model, crops, **options)


def test_a_checkpoint_is_refused_on_devices_that_pytorch_does_not_have(tmp_path, examples):
    weights = str(tmp_path / "w.safetensors")
    request = EvaluationRequest(weights, DataRequest(examples), device=Device.OPENVINO)
    with pytest.raises(UsageError, match="use auto, cpu or cuda"):
        run_evaluation(request)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_asking_for_a_gpu_that_is_not_there_is_an_error(tmp_path, examples):
    weights = str(tmp_path / "w.safetensors")
    request = EvaluationRequest(weights, DataRequest(examples), device=Device.CUDA)
    with pytest.raises(ProviderError, match="cuda"):
        run_evaluation(request)


def test_an_unknown_model_is_an_error(examples):
    with pytest.raises(ModelError, match="nowhere"):
        evaluation_of("nowhere", examples)
