"""The bundled models are the exports of the weights that the repository keeps."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from trustthepixels.infer import Detector
from trustthepixels.infer.model.bundled import bundled_models, load_model
from trustthepixels.infer.model.spec import METADATA_KEY, ModelSpec
from trustthepixels.train.calibration.calibrate import probability
from trustthepixels.train.calibration.file import read_calibration
from trustthepixels.train.data.splits import Split, read_splits
from trustthepixels.train.networks.weights import (
    load_checkpoint,
    read_metadata,
    read_safetensors,
)
from trustthepixels.train.pictures.load import load_pixels

BUNDLED = Path(__file__).parents[2] / "train" / "bundled"
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def edge():
    return load_checkpoint(BUNDLED / "edge.safetensors")


@pytest.mark.parametrize("name", bundled_models())
def test_its_spec_has_the_calibration_that_is_kept(name):
    spec = load_model(name).spec
    assert spec.precision == "int8"
    assert spec.known_answer is not None
    file = "edge.safetensors" if name == "edge" else f"{name}-head.safetensors"
    kept = ModelSpec.from_json(read_metadata(BUNDLED / file)[METADATA_KEY])
    assert (spec.calibration, spec.thresholds) == (kept.calibration, kept.thresholds)


def test_the_accurate_models_layer_has_the_calibration_that_is_kept():
    metadata = read_metadata(BUNDLED / "accurate-head.safetensors")
    spec = ModelSpec.from_json(metadata[METADATA_KEY])
    kept = read_calibration(BUNDLED / "accurate-calibration.json")
    assert (spec.calibration, spec.thresholds) == kept


@pytest.mark.parametrize("name", [name for name in bundled_models() if name != "edge"])
def test_its_last_layer_is_the_one_that_is_kept(name):
    """The tower before it is public; these few numbers are all that was trained."""
    state, metadata = read_safetensors(BUNDLED / f"{name}-head.safetensors")
    kept, file = ModelSpec.from_json(metadata[METADATA_KEY]), load_model(name)
    for field in ("architecture", "data_fingerprint", "input_size", "mean", "std"):
        assert getattr(file.spec, field) == getattr(kept, field)
    model = onnx.load_model_from_string(file.content)
    values = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
    weights = [tensor for tensor in state if tensor.endswith(".weight")]
    assert weights
    for tensor in weights:
        (weight,) = [values[name] for name in values if name.endswith(f"backbone.{tensor}")]
        np.testing.assert_array_equal(weight, state[tensor].numpy())


def test_the_training_set_is_listed_and_its_fingerprint_is_the_accurate_models():
    """The default model's is that of the files which ``prepare-data`` writes of the list."""
    listed = hashlib.sha256((BUNDLED / "tower-sources.csv").read_bytes()).hexdigest()
    metadata = read_metadata(BUNDLED / "accurate-head.safetensors")
    assert ModelSpec.from_json(metadata[METADATA_KEY]).data_fingerprint == listed


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
