"""The bundled model is the export of the weights that the repository keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trustthepixels.infer import Detector
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.train.calibration.calibrate import probability
from trustthepixels.train.calibration.file import read_calibration
from trustthepixels.train.data.splits import Split, read_splits
from trustthepixels.train.networks.weights import load_checkpoint
from trustthepixels.train.pictures.load import load_pixels

BUNDLED = Path(__file__).parents[2] / "train" / "bundled"
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def weights():
    return load_checkpoint(BUNDLED / "weights.safetensors")


@pytest.mark.parametrize(
    ("model", "weights_name", "calibration_name"),
    [
        ("default", "weights.safetensors", "calibration.json"),
        ("edge", "edge.safetensors", "edge-calibration.json"),
    ],
)
def test_its_spec_is_that_of_weights_and_calibration(model, weights_name, calibration_name):
    _, spec = load_checkpoint(BUNDLED / weights_name)
    exported = load_model(model).spec
    assert exported.precision == "int8"
    assert exported.known_answer is not None
    for name in ("architecture", "data_fingerprint", "input_size"):
        assert getattr(exported, name) == getattr(spec, name)
    known = read_calibration(BUNDLED / calibration_name)
    assert (exported.calibration, exported.thresholds) == known


def test_its_answers_are_the_networks(weights, examples):
    network, spec = weights
    calibration, _ = read_calibration(BUNDLED / "calibration.json")
    pictures = sorted(path for path in examples.glob("*/*") if path.is_file())
    pixels = np.stack([load_pixels(path, spec.input_size) for path in pictures])
    with torch.inference_mode():
        expected = probability(network(torch.from_numpy(pixels)).numpy(), calibration)
    detector = Detector()
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


def test_its_splits_hold_all_three_parts():
    assert set(read_splits(BUNDLED / "splits.csv").values()) == set(Split)
