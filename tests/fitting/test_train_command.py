"""``trustthepixels train``: real trainings, small enough to watch."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from in_process import trustthepixels
from labelled_pictures import csv_columns, write_labelled_pictures

from trustthepixels.train.networks.weights import load_checkpoint

SMALL = ("--arch", "resnet10t", "--init", "random", "--image-size", "32", "--batch-size", "8")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labelled_pictures(tmp_path_factory.mktemp("pictures"), per_picture=4)


@pytest.fixture(scope="module")
def finished_run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    subprocess.run(_command(pictures, folder, "--epochs", "2"), check=True, timeout=240)
    return folder


def _arguments(pictures: Path, folder: Path, *options: str) -> list[str]:
    return ["train", str(pictures), "--out", str(folder), *SMALL, *options]


def _command(pictures: Path, folder: Path, *options: str) -> list[str]:
    program = str(Path(sysconfig.get_path("scripts")) / "trustthepixels")
    return [sys.executable, program, *_arguments(pictures, folder, *options)]


def test_a_run_leaves_config_splits_metrics_curves_and_weights(finished_run):
    for name in ("config.json", "splits.csv", "metrics.csv", "curves.png", "weights.safetensors"):
        assert (finished_run / name).stat().st_size > 0
    assert list((finished_run / "tensorboard").glob("events.*"))
    rows = list(csv.DictReader((finished_run / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(row["train_loss"] and row["val_loss"] and row["val_auc"] for row in rows)


def test_the_weights_carry_what_a_user_must_know(finished_run):
    _, spec = load_checkpoint(finished_run / "weights.safetensors")
    assert spec.architecture == "resnet10t"
    assert spec.input_size == (32, 32)
    assert {"test_balanced_accuracy", "test_auc"} <= set(spec.evaluation)
    assert [point.false_positive_rate for point in spec.thresholds.ai] == [0.01, 0.05]
    assert len(spec.data_fingerprint) == 64
    assert "torch" in spec.versions


def test_tiles_of_one_picture_stay_in_one_split(finished_run, pictures):
    splits = dict(csv_columns(finished_run / "splits.csv", "file", "split"))
    groups: dict[str, set[str]] = {}
    for file, group in csv_columns(pictures / "manifest.csv", "file", "group"):
        groups.setdefault(group, set()).add(splits[file])
    assert len(groups) == 36
    assert all(len(parts) == 1 for parts in groups.values())


def test_a_split_without_one_class_is_refused_before_training(pictures, tmp_path):
    splits = tmp_path / "splits.csv"
    parts = {"ai": ("train", "validation", "test"), "real": ("validation", "test")}
    rows = csv_columns(pictures / "manifest.csv", "file", "class")
    lines = [
        f"{file},{parts[label][i % len(parts[label])]}" for i, (file, label) in enumerate(rows)
    ]
    splits.write_text("\n".join(["file,split", *lines]))
    outcome = _train(pictures, tmp_path / "run", "--splits", str(splits))
    assert outcome.returncode == 2
    assert "the train split has no pictures of class 'real'" in outcome.stderr
    assert not (tmp_path / "run").exists()


def test_an_existing_run_is_not_overwritten(finished_run, pictures):
    before = (finished_run / "weights.safetensors").read_bytes()
    again = _train(pictures, finished_run, "--epochs", "2")
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    assert (finished_run / "weights.safetensors").read_bytes() == before


def test_checkpoints_of_another_run_are_never_taken_up(finished_run, pictures, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished_run / "checkpoints", run / "checkpoints")
    done = trustthepixels("train", pictures, "--out", run, *SMALL)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds checkpoints of another run" in done.stderr


def test_resuming_with_other_settings_is_refused(finished_run, pictures):
    again = _train(pictures, finished_run, "--epochs", "3", "--resume")
    assert again.returncode == 2
    assert "other settings: epochs" in again.stderr


def test_a_killed_run_goes_on_where_it_stopped(pictures, tmp_path):
    folder = tmp_path / "run"
    # A learning rate that ruins the network, so that no later epoch is a new best.
    options = ("--epochs", "5", "--learning-rate", "1.0")
    process = subprocess.Popen(
        _command(pictures, folder, *options), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    give_up = time.monotonic() + 200
    while _epochs(folder, 0) < 3 and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = _epochs(folder, 0)
    assert 3 <= done < 5
    resumed = _train(pictures, folder, *options, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert [epoch for (epoch,) in csv_columns(folder / "metrics.csv", "epoch")] == list("01234")
    # At most the epoch whose checkpoint was being written is repeated.
    assert _epochs(folder, 1) <= 5 - done + 1


def _epochs(folder: Path, version: int) -> int:
    """Epochs that one start of a run has finished and logged."""
    metrics = folder / "logs" / f"version_{version}" / "metrics.csv"
    if not metrics.exists():
        return 0
    return len({row[0] for row in csv_columns(metrics, "epoch", "val_loss") if row[1]})


def test_nothing_to_resume_is_said_in_one_line(pictures, tmp_path):
    outcome = _train(pictures, tmp_path / "nothing", "--resume")
    assert outcome.returncode == 2
    assert "no run to resume" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--recipe", "magic"), 2, "no recipe 'magic'"),
        (("--arch", "nonsense"), 2, "no architecture 'nonsense'"),
        (("--init", "missing.safetensors"), 2, "cannot read the weights missing.safetensors"),
        (("--exclude-source", "mars"), 2, "no such source in the data: mars"),
        (("--device", "cuda"), 3, "no CUDA device"),
    ],
)
def test_a_wrong_request_is_one_line(pictures, tmp_path, options, code, message):
    if "cuda" in options:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has CUDA")
    outcome = _train(pictures, tmp_path / "run", *options)
    assert outcome.returncode == code
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stderr
    # The folder is still free for the request put right.
    assert not (tmp_path / "run").exists()


def test_the_config_says_how_it_was_trained(finished_run):
    config = json.loads((finished_run / "config.json").read_text())
    assert config["recipe"] == "web-light"
    assert config["seed"] == 42
    assert config["epochs"] == 2


def _train(pictures: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return trustthepixels(*_arguments(pictures, folder, *options))


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_damaged_picture_is_one_line(tmp_path, part):
    """Not the traceback of the process that found it."""
    pictures = write_labelled_pictures(tmp_path / "pictures", per_picture=4)
    rows = csv_columns(pictures / "manifest.csv", "file", "class")
    parts = ["train", "train", "validation", "test"]
    damaged = next(file for i, (file, _) in enumerate(rows) if parts[i % 4] == part)
    (pictures / damaged).write_bytes((pictures / damaged).read_bytes()[:300])
    splits = tmp_path / "splits.csv"
    lines = [f"{file},{parts[i % 4]}" for i, (file, _) in enumerate(rows)]
    splits.write_text("\n".join(["file,split", *lines]))
    outcome = _train(pictures, tmp_path / "run", "--splits", str(splits), "--epochs", "1")
    assert outcome.returncode == 2
    (line,) = [line for line in outcome.stderr.splitlines() if "error: " in line]
    assert line.rpartition("error: ")[2].startswith(f"cannot use {pictures / damaged}: truncated")
    assert "Traceback" not in outcome.stderr


TWO_PROCESSES = """
import lightning.pytorch as pl
from trustthepixels.train.fitting import fit
from trustthepixels.infer.commands.entry import trustthepixels

real = pl.Trainer
fit.pl.Trainer = lambda **options: real(**options | {"devices": 2, "strategy": "ddp"})
if __name__ == "__main__":
    trustthepixels()
"""
"""The command as Lightning runs it on two GPUs: it starts itself again for the second."""


def test_two_processes_train_one_run(pictures, tmp_path):
    program, run = tmp_path / "program.py", tmp_path / "run"
    program.write_text(TWO_PROCESSES)
    arguments = _arguments(pictures, run, "--epochs", "1", "--device", "cpu")
    done = subprocess.run(
        [sys.executable, program, *arguments], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr
    assert done.stdout.count("wrote ") == 1
    load_checkpoint(run / "weights.safetensors")
    assert len(list((run / "logs").iterdir())) == 1
    (row,) = csv.DictReader((run / "metrics.csv").open())
    # Half of the batches that one process would take.
    assert int(row["step"]) + 1 == 3
