"""Training without a fold's sources and with hard pictures: real runs, one epoch each."""

import json
import shutil

import pytest
from in_process import trustthepixels
from labelled_pictures import write_labelled_pictures, write_pictures_of_many_sources

from trustthepixels.infer.errors import UsageError
from trustthepixels.train.data.folds import leave_sources_out, split_by_fold
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.data.splits import Split, read_splits, splits_fingerprint
from trustthepixels.train.networks.weights import load_checkpoint
from trustthepixels.train.settings import TrainSettings, open_run

SMALL = (
    "--arch", "resnet10t", "--init", "random", "--image-size", "32", "--batch-size", "8",
    "--epochs", "1", "--device", "cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Crops of the examples, every example a source of its own: nine of each class."""
    return write_pictures_of_many_sources(tmp_path_factory.mktemp("pictures"))


def test_a_fold_and_hard_pictures(run_command, pictures, tmp_path):
    samples = load_samples(pictures)
    _, held_out = leave_sources_out(samples, 1)
    hard = write_labelled_pictures(tmp_path / "hard", per_picture=1, side=48, seed=5)
    (hard / "manifest.csv").unlink()
    shutil.copy(held_out[0].path, hard / "AI" / "copy-of-a-test-picture.jpg")

    run = tmp_path / "run"
    done = run_command(
        "trustthepixels", "train", pictures, "--out", run, "--fold", "1", "--hard", hard, *SMALL
    )
    assert done.returncode == 0, done.stderr
    assert "18 join the training, 0 are in it already, 1 are left out" in done.stderr

    splits = read_splits(run / "splits.csv")
    assert splits == split_by_fold(samples, 1)
    assert {file for file, split in splits.items() if split is Split.TEST} == {
        sample.file for sample in held_out
    }
    _, spec = load_checkpoint(run / "weights.safetensors")
    # The hard pictures are part of what the model was made from.
    assert spec.data_fingerprint != splits_fingerprint(samples, splits)
    config = json.loads((run / "config.json").read_text())
    assert (config["fold"], config["hard"]) == (1, [str(hard)])


def test_hard_pictures_of_an_excluded_source_stay_out(pictures, tmp_path):
    source = min(sample.source for sample in load_samples(pictures))
    hard = tmp_path / "hard"
    lines = ["file,class,source,group"]
    for sample in load_samples(pictures):
        if sample.source == source:
            (hard / sample.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sample.path, hard / sample.file)
            lines.append(f"{sample.file},{sample.label},{source},")
    (hard / "manifest.csv").write_text("\n".join(lines) + "\n")
    excluded = ("--exclude-source", source, "--hard", hard)
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", *excluded, *SMALL)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "none of the 4 pictures" in done.stderr


def test_hard_pictures_that_are_all_measured_on_stop_the_run(pictures, tmp_path):
    _, held_out = leave_sources_out(load_samples(pictures), 0)
    hard = tmp_path / "hard"
    (hard / "AI").mkdir(parents=True)
    shutil.copy(held_out[0].path, hard / "AI" / "x.jpg")
    done = trustthepixels(
        "train", pictures, "--out", tmp_path / "run", "--fold", "0", "--hard", hard, *SMALL
    )
    assert done.returncode == 2
    assert "none of the 1 pictures" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_from_before_there_were_folds_can_be_resumed(tmp_path):
    open_run(tmp_path, TrainSettings(data="d"), resume=False)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["fold"], config["hard"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    open_run(tmp_path, TrainSettings(data="d"), resume=True)
    with pytest.raises(UsageError, match="other settings: fold"):
        open_run(tmp_path, TrainSettings(data="d", fold=1), resume=True)


def test_a_run_from_before_there_were_several_teachers_keeps_its_own(tmp_path):
    open_run(tmp_path, TrainSettings(data="d"), resume=False)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["teachers"]
    (tmp_path / "config.json").write_text(json.dumps(config | {"teacher": "t"}))
    open_run(tmp_path, TrainSettings(data="d", teachers=("t",)), resume=True)
    with pytest.raises(UsageError, match="other settings: teachers"):
        open_run(tmp_path, TrainSettings(data="d"), resume=True)
