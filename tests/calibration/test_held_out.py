"""Calibration on sources that a model's like never saw: real runs, one epoch each."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from in_process import trustthepixels
from labelled_pictures import write_pictures_of_many_sources

from trustthepixels.infer.errors import InputError
from trustthepixels.train.calibration.file import read_calibration
from trustthepixels.train.calibration.held_out import held_out_answers
from trustthepixels.train.data.folds import leave_sources_out
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.networks.weights import load_checkpoint, save_weights

SMALL = (
    "--arch", "resnet10t", "--init", "random", "--image-size", "32", "--batch-size", "8",
    "--epochs", "1", "--device", "cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Crops of the examples, every example a source of its own: nine of each class."""
    return write_pictures_of_many_sources(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def runs(pictures, tmp_path_factory) -> list[Path]:
    """Two runs, each without the sources of one fold."""
    folders = [tmp_path_factory.mktemp("runs") / f"fold{fold}" for fold in (0, 1)]
    for fold, folder in enumerate(folders):
        done = trustthepixels("train", pictures, "--out", folder, "--fold", str(fold), *SMALL)
        assert done.returncode == 0, done.stderr
    return folders


def test_a_calibration_says_what_it_rests_on(run_command, pictures, runs, tmp_path):
    out = tmp_path / "calibration.json"
    done = run_command(
        "trustthepixels", "calibrate", runs[0] / "weights.safetensors", pictures,
        "--splits", runs[0] / "splits.csv", "--run", runs[0], "--run", runs[1], "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    evidence = json.loads(out.read_text())["evidence"]
    samples = load_samples(pictures)
    for fold, entry in enumerate(evidence):
        held_out = leave_sources_out(samples, fold)[1]
        assert entry["fold"] == fold
        assert entry["pictures"] == len(held_out)
        assert entry["sources"] == sorted({sample.source for sample in held_out})
    calibration, thresholds = read_calibration(out)
    assert calibration.temperature > 0
    assert [point.false_positive_rate for point in thresholds.ai] == [0.01, 0.05]


def test_how_far_a_run_spreads_its_answers_does_not_matter(pictures, runs, tmp_path):
    samples = load_samples(pictures)
    network, spec = load_checkpoint(runs[0] / "weights.safetensors")
    with torch.no_grad():
        for parameter in network.backbone.get_classifier().parameters():
            parameter.mul_(4.0)
    for name in ("config.json", "splits.csv"):
        (tmp_path / name).write_bytes((runs[0] / name).read_bytes())
    save_weights(tmp_path / "weights.safetensors", network, spec)
    np.testing.assert_allclose(
        held_out_answers(tmp_path, samples).margin,
        held_out_answers(runs[0], samples).margin,
        rtol=1e-3,
        atol=1e-3,
    )


def test_a_run_that_left_nothing_out_is_refused(pictures, runs, tmp_path):
    config = json.loads((runs[0] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"fold": None}))
    with pytest.raises(InputError, match="left no sources out; train with --fold"):
        held_out_answers(tmp_path, load_samples(pictures))


@pytest.mark.parametrize("content", ["", "{}", '{"calibration": 1, "thresholds": {}}'])
def test_another_file_is_no_calibration(tmp_path, content):
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(InputError, match="cannot read the calibration"):
        read_calibration(path)
