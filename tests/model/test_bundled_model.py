"""The bundled models are the exports of the weights that the repository keeps."""

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from in_process import trustthepixels

from trustthepixels.infer import Detector
from trustthepixels.infer.model.bundled import bundled_models, load_model
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.train.calibration.calibrate import probability
from trustthepixels.train.calibration.file import read_calibration
from trustthepixels.train.data.splits import Split, read_splits
from trustthepixels.train.networks.weights import load_checkpoint
from trustthepixels.train.pictures.load import load_pixels

BUNDLED = Path(__file__).parents[2] / "train" / "bundled"
ACCURATE = BUNDLED.parents[1] / "accurate" / "trustthepixels_accurate" / "accurate.onnx"
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def edge():
    return load_checkpoint(BUNDLED / "edge.safetensors")


@pytest.fixture(scope="module")
def accurate():
    """Spec of the accurate model, whether its wheel is installed or not."""
    return read_model_file(ACCURATE).spec


@pytest.mark.parametrize("name", bundled_models())
def test_its_spec_says_what_a_scan_needs(name):
    spec = load_model(name).spec
    assert spec.precision == "int8"
    assert spec.known_answer is not None


def test_the_edge_models_spec_has_the_calibration_that_is_kept(edge):
    spec = load_model("edge").spec
    assert (spec.calibration, spec.thresholds) == (edge[1].calibration, edge[1].thresholds)


def test_the_accurate_model_has_the_calibration_that_is_kept(accurate):
    kept = read_calibration(BUNDLED / "accurate-calibration.json")
    assert (accurate.calibration, accurate.thresholds) == kept


def test_the_accurate_models_training_set_is_the_part_of_the_list_with_folds(accurate):
    """Others were found later; they are the default model's alone."""
    with (BUNDLED / "tower-sources.csv").open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        rows = [row for row in reader if row["fold"]]
    listed = io.StringIO(newline="")
    writer = csv.DictWriter(listed, reader.fieldnames)
    writer.writeheader()
    writer.writerows(rows)
    assert accurate.data_fingerprint == hashlib.sha256(listed.getvalue().encode()).hexdigest()


def test_the_edge_models_answers_are_the_networks(edge, examples):
    network, spec = edge
    exported = load_model("edge").spec
    for field in ("architecture", "data_fingerprint", "input_size"):
        assert getattr(exported, field) == getattr(spec, field)
    pictures = sorted(path for path in examples.glob("*/*") if path.is_file())
    pixels = np.stack([load_pixels(path, spec.input_shape) for path in pictures])
    with torch.inference_mode():
        expected = probability(network(torch.from_numpy(pixels)).numpy(), spec.calibration)
    detector = Detector("edge")
    answers = np.array([detector.predict(path).p_ai for path in pictures])
    # int8 rounds; what it may change is bounded by the export's checks on 817 pictures.
    assert np.abs(answers - expected).mean() < 0.02
    assert np.abs(answers - expected).max() < 0.1


def test_the_default_models_weights_can_be_had_from_its_file(examples, tmp_path):
    bundled, target = load_model(), tmp_path / "default.safetensors"
    (tmp_path / "default.onnx").write_bytes(bundled.content)
    done = trustthepixels("import-tower", tmp_path / "default.onnx", "--out", target)
    assert done.returncode == 0, done.stderr
    network, spec = load_checkpoint(target)
    assert (spec.calibration, spec.thresholds) == (
        bundled.spec.calibration,
        bundled.spec.thresholds,
    )
    pictures = sorted(path for path in examples.glob("*/*") if path.is_file())
    pixels = np.stack([load_pixels(path, spec.input_shape) for path in pictures])
    with torch.inference_mode():
        expected = probability(network(torch.from_numpy(pixels)).numpy(), spec.calibration)
    detector = Detector()
    answers = np.array([detector.predict(path).p_ai for path in pictures])
    # The file rounds the tokens, the network does not.
    assert np.abs(answers - expected).mean() < 0.02
    assert np.abs(answers - expected).max() < 0.1


def test_no_weights_come_out_of_a_damaged_model(tmp_path):
    content = bytearray(load_model().content)
    content[len(content) // 2] ^= 1
    source, target = tmp_path / "default.onnx", tmp_path / "default.safetensors"
    source.write_bytes(content)
    done = trustthepixels("import-tower", source, "--out", target)
    assert done.returncode != 0
    assert "its content does not match its digest" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not target.exists()


def test_it_tells_most_examples_apart(examples):
    detector = Detector()
    right = [
        (detector.predict(path).p_ai >= 0.5) == (path.parent.name == "AI")
        for path in examples.glob("*/*")
        if path.is_file()
    ]
    assert np.mean(right) >= 0.7


def test_the_models_leave_the_wheel_below_90_megabytes():
    assert sum(
        path.stat().st_size for path in (BUNDLED.parents[1] / "infer/model/bundled").iterdir()
    ) < (80 * MEGABYTE)


def test_no_example_is_in_its_training_data(examples):
    known = {Path(file).stem for file in read_splits(BUNDLED / "splits.csv")}
    assert not known & {path.stem for path in examples.glob("*/*")}
    with (BUNDLED / "tower-sources.csv").open(newline="", encoding="utf-8") as stream:
        blobs = {row["blob10"] for row in csv.DictReader(stream)}
    for path in examples.glob("*/*"):
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        assert blob[:10] not in blobs


def test_no_picture_of_the_test_split_is_in_the_towers_training():
    splits = read_splits(BUNDLED / "splits.csv")
    with (BUNDLED / "tower-sources.csv").open(newline="", encoding="utf-8") as stream:
        trained = {row["train_file"] for row in csv.DictReader(stream)} - {""}
    assert trained
    assert not [file for file in trained if splits.get(file) is Split.TEST]


def test_its_splits_hold_all_three_parts():
    assert set(read_splits(BUNDLED / "splits.csv").values()) == set(Split)
