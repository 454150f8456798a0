"""``train --epochs 0 --held-out``: one pass over the pictures, six fits, held-out calibration."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest
from in_process import trustthepixels
from labelled_pictures import rows_of, write_pictures_of_many_sources
from sklearn.metrics import roc_auc_score

from trustthepixels.train.calibration.calibrate import calibrate, logits_of
from trustthepixels.train.data.folds import source_folds
from trustthepixels.train.data.manifest import Sample, load_samples, targets_of
from trustthepixels.train.data.splits import Split
from trustthepixels.train.data.trained_on import learned_sources, training_splits
from trustthepixels.train.fitting import features
from trustthepixels.train.fitting.all_sources.calibrating import calibrating
from trustthepixels.train.fitting.features import FeatureStore
from trustthepixels.train.fitting.last_layer import (
    CHANGED_VIEWS,
    INVERSE_PENALTY,
    fit_regression,
    source_weights,
)
from trustthepixels.train.fitting.recipes import ORIGINALS
from trustthepixels.train.networks.hardware import choose_arithmetic
from trustthepixels.train.networks.weights import load_checkpoint
from trustthepixels.train.pictures.crops import Shown
from trustthepixels.train.settings import TrainSettings

SMALL = (
    "--arch", "resnet18_stages", "--init", "random", "--image-size", "32", "--recipe", "originals",
    "--epochs", "0", "--held-out", "--device", "cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Crops of the examples, every example a source of its own: nine of each class."""
    return write_pictures_of_many_sources(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = trustthepixels("train", pictures, "--out", folder, *SMALL)
    assert done.returncode == 0, done.stderr
    return folder


def test_each_picture_has_an_answer_of_a_fit_without_its_source(run, pictures):
    samples = load_samples(pictures)
    folds = source_folds(samples)
    rows = rows_of(run / "held-out.csv")
    assert [(row["file"], row["class"], row["source"]) for row in rows] == [
        (sample.file, sample.label, sample.source) for sample in samples
    ]
    assert [int(row["fold"]) for row in rows] == [folds[sample.source] for sample in samples]

    network, _ = load_checkpoint(run / "weights.safetensors")
    store = FeatureStore(
        run / "again",
        network,
        TrainSettings(data="", image_size=32).input_shape,
        choose_arithmetic(),
    )
    tables = [
        store.seen(samples, Shown.WHOLE)[:, 0],
        *(store.changed(samples, ORIGINALS.augmentation, one) for one in range(CHANGED_VIEWS)),
    ]
    fold = np.array([folds[sample.source] for sample in samples])
    for out in range(5):
        learned = [sample for sample in samples if folds[sample.source] != out]
        model = fit_regression(
            np.concatenate([table[fold != out] for table in tables]),
            np.tile(targets_of(learned), len(tables)),
            np.tile(source_weights(learned), len(tables)),
            INVERSE_PENALTY,
        )
        margin = model.decision_function(tables[0][fold == out])
        p_ai = np.array([float(row["p_ai"]) for row in rows])[fold == out]
        # Calibration keeps the order; weights in half precision may swap near neighbours.
        assert np.corrcoef(margin, np.log(p_ai / (1 - p_ai)))[0, 1] > 0.99


def test_the_weights_carry_the_held_out_calibration_and_figures(run, pictures):
    samples = load_samples(pictures)
    _, spec = load_checkpoint(run / "weights.safetensors")
    rows = rows_of(run / "held-out.csv")
    for column, figure in (("p_ai", "held_out_auc"), ("p_ai_changed", "held_out_changed_auc")):
        p_ai = [float(row[column]) for row in rows]
        assert spec.evaluation[figure] == pytest.approx(
            roc_auc_score(targets_of(samples), p_ai), abs=0.01
        )
    # One photograph in a hundred may reach it, and there are fewer: none does.
    real = [float(row["p_ai"]) for row in rows if row["class"] == "real"]
    assert max(real) <= spec.thresholds.ai_threshold()
    assert json.loads((run / "config.json").read_text())["held_out"] is True


def test_a_resumed_run_takes_the_features_that_are_there(run, pictures):
    kept = {path: path.stat().st_mtime_ns for path in (run / "features").iterdir()}
    before = (run / "held-out.csv").read_bytes()
    (run / "held-out.csv").unlink()
    assert len(kept) == 1 + CHANGED_VIEWS
    done = trustthepixels("train", pictures, "--out", run, *SMALL, "--resume")
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in (run / "features").iterdir()} == kept
    assert (run / "held-out.csv").read_bytes() == before


def test_a_pass_that_was_cut_short_keeps_its_finished_parts(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "_PART_SIZE", features._BATCH_SIZE)
    run = tmp_path / "run"
    start = ("train", pictures, "--out", run, *SMALL)
    assert trustthepixels(*start).returncode == 0
    before = (run / "held-out.csv").read_bytes()
    parts = sorted((run / "features").iterdir())
    assert len(parts) > 1 + CHANGED_VIEWS
    kept = {path: path.stat().st_mtime_ns for path in parts[1:]}
    parts[0].unlink()
    assert trustthepixels(*start, "--resume").returncode == 0
    assert parts[0].exists()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert (run / "held-out.csv").read_bytes() == before


def test_a_part_with_too_few_rows_is_refused_in_one_line(run, pictures, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    part = sorted((copy / "features").iterdir())[0]
    np.save(part, np.load(part)[:-1])
    done = trustthepixels("train", pictures, "--out", copy, *SMALL, "--resume")
    assert done.returncode == 2
    assert "delete it to compute it again" in done.stderr


def test_a_changed_picture_is_looked_at_again(run, pictures, tmp_path):
    copy, again = tmp_path / "pictures", tmp_path / "again"
    shutil.copytree(pictures, copy)
    start = ("train", copy, "--out", again, *SMALL)
    assert trustthepixels(*start).returncode == 0
    before = {path.name for path in (again / "features").iterdir()}
    first, second = (sample.path for sample in load_samples(copy)[:2])
    shutil.copy(second, first)
    assert trustthepixels(*start, "--resume").returncode == 0
    assert len({path.name for path in (again / "features").iterdir()} - before) == len(before)


def test_excluding_a_source_moves_no_other(run, pictures, tmp_path):
    source = rows_of(run / "held-out.csv")[0]["source"]
    done = trustthepixels(
        "train", pictures, "--out", tmp_path / "run", *SMALL, "--exclude-source", source
    )
    assert done.returncode == 0, done.stderr
    folds = {
        row["file"]: row["fold"] for row in rows_of(run / "held-out.csv") if row["source"] != source
    }
    assert {row["file"]: row["fold"] for row in rows_of(tmp_path / "run" / "held-out.csv")} == folds


def test_an_evaluation_knows_that_all_pictures_were_learned(run, pictures):
    _, spec = load_checkpoint(run / "weights.safetensors")
    samples = load_samples(pictures)
    splits = training_splits(spec.data_fingerprint, samples)
    assert splits is not None
    assert set(splits.values()) == {Split.TRAIN}


def test_stages_that_learned_labels_are_said_to(run_command, run, pictures, tmp_path):
    options = [run / "weights.safetensors" if one == "random" else one for one in SMALL]
    done = run_command("trustthepixels", "train", pictures, "--out", tmp_path / "run", *options)
    assert done.returncode == 0, done.stderr
    assert "the held-out figures are too good" in done.stderr


def test_sources_that_the_stages_learned_calibrate_nothing(run, run_command, pictures, tmp_path):
    rows = rows_of(run / "held-out.csv")
    photographs = [row for row in rows if row["class"] == "real"]
    learned = {max(photographs, key=lambda row: float(row["p_ai"]))["source"]}
    manifest = tmp_path / "learned.csv"
    manifest.write_text("class,source\n" + "".join(f"real,{source}\n" for source in learned))
    options = [run / "weights.safetensors" if one == "random" else one for one in SMALL]
    done = run_command(
        "trustthepixels", "train", pictures, "--out", tmp_path / "run", *options,
        "--learned-sources", manifest,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the held-out figures are too good" not in done.stderr
    again = rows_of(tmp_path / "run" / "held-out.csv")
    new = [row for row in again if row["source"] not in learned]
    assert [row for row in again if row["calibrates"] == "1"] == new
    assert f"{len(new)} of {len(again)} pictures calibrate" in done.stderr
    _, spec = load_checkpoint(tmp_path / "run" / "weights.safetensors")
    targets = np.array([row["class"] == "ai" for row in new])
    for column, figure in (("p_ai", "held_out_auc"), ("p_ai_changed", "held_out_changed_auc")):
        auc = roc_auc_score(targets, [float(row[column]) for row in new])
        assert spec.evaluation[figure] == pytest.approx(auc, abs=0.001)
    # What these answers calibrate to is calibrated already: nothing is left to correct.
    p_ai = np.array([float(row["p_ai"]) for row in new])
    refitted, thresholds = calibrate(logits_of(np.log(p_ai / (1 - p_ai))), targets.astype(int))
    assert refitted.temperature == pytest.approx(1.0, abs=0.02)
    assert refitted.bias == pytest.approx(0.0, abs=0.02)
    assert thresholds.ai_threshold() == pytest.approx(spec.thresholds.ai_threshold(), abs=0.01)


def test_no_source_calibrates_with_more_than_forty_pictures_of_a_class(tmp_path):
    samples = [
        Sample(
            tmp_path / f"{label}{source}-{number}", f"{label}{source}-{number}", label, source, ""
        )
        for label in ("ai", "real")
        for source in "abcde"
        for number in range(60 if source == "a" else 20)
    ]
    chosen = calibrating(TrainSettings(data=""), samples, samples)
    taken = Counter(
        (one.label, one.source) for one, taken in zip(samples, chosen, strict=True) if taken
    )
    assert {count for (_, source), count in taken.items() if source == "a"} == {40}
    assert {count for (_, source), count in taken.items() if source != "a"} == {20}


def test_a_source_that_shares_a_group_with_a_learned_one_is_learned_too(tmp_path):
    manifest = tmp_path / "learned.csv"
    manifest.write_text("source\nphotographs\n")
    groups = {"photographs": "a", "reconstructions": "a", "others": "b"}
    samples = [
        Sample(tmp_path / source, source, "real", source, group) for source, group in groups.items()
    ]
    assert learned_sources(manifest, samples) == {"photographs", "reconstructions"}


def test_too_few_new_sources_are_refused_before_any_work(pictures, tmp_path):
    manifest = tmp_path / "learned.csv"
    sources = sorted({one.source for one in load_samples(pictures) if one.label == "ai"})
    manifest.write_text("source\n" + "\n".join(sources[4:]) + "\n")
    done = trustthepixels(
        "train", pictures, "--out", tmp_path / "run", *SMALL, "--learned-sources", manifest
    )
    assert done.returncode == 2
    assert "4 have AI pictures and 9 photographs; calibration needs 5 of each" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "needed"),
    [
        ("file\na.jpg\n", "has no column source"),
        ("source\nelsewhere\n", "names no source of the data"),
    ],
)
def test_a_list_of_learned_sources_that_says_nothing_is_refused(
    pictures, tmp_path, content, needed
):
    manifest = tmp_path / "learned.csv"
    manifest.write_text(content)
    done = trustthepixels(
        "train", pictures, "--out", tmp_path / "run", *SMALL, "--learned-sources", manifest
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert needed in done.stderr
    assert not (tmp_path / "run").exists()


def test_learned_sources_without_held_out_ones_are_refused(pictures, tmp_path):
    done = trustthepixels(
        "train", pictures, "--out", tmp_path / "run", "--learned-sources", tmp_path / "l.csv"
    )
    assert done.returncode == 2
    assert "--learned-sources needs --held-out" in done.stderr


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (("--epochs", "1"), "keeps changed views"),
        (("--fold", "1"), "excludes --fold"),
        (("--splits", "splits.csv"), "excludes --splits"),
        (("--hard", "more"), "excludes --hard"),
        (("--teacher", "weights.safetensors"), "excludes --teacher"),
    ],
)
def test_options_of_other_fits_are_refused(pictures, tmp_path, options, needed):
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", *SMALL, *options)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert needed in done.stderr
    assert not (tmp_path / "run").exists()


def test_too_few_sources_are_refused_before_any_work(pictures, tmp_path):
    sources = sorted({sample.source for sample in load_samples(pictures)})
    names = [option for source in sources[4:] for option in ("--exclude-source", source)]
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", *SMALL, *names)
    assert done.returncode != 0
    assert "of sources has no pictures of class" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_smaller_inverse_penalty_gives_smaller_weights(run, pictures, tmp_path):
    smooth = tmp_path / "smooth"
    options = (*SMALL, "--inverse-penalty", "0.00001")
    done = trustthepixels("train", pictures, "--out", smooth, *options)
    assert done.returncode == 0, done.stderr
    usual, smaller = (
        load_checkpoint(folder / "weights.safetensors")[0].backbone.fc.weight.abs().sum()
        for folder in (run, smooth)
    )
    assert smaller < 0.5 * usual


def test_an_inverse_penalty_without_a_last_layer_to_fit_is_refused(pictures, tmp_path):
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", "--inverse-penalty", "0.1")
    assert done.returncode == 2
    assert "--inverse-penalty needs --epochs 0" in done.stderr


def test_the_curve_over_sources_ends_at_the_figures_of_the_run(run, pictures):
    done = trustthepixels("train", pictures, "--out", run, *SMALL, "--resume", "--source-curve")
    assert done.returncode == 0, done.stderr
    points = [
        {key: float(value) for key, value in row.items()}
        for row in rows_of(run / "source-curve.csv")
    ]
    assert [point["share"] for point in points] == [0.125, 0.25, 0.5, 1.0]
    # Each example is a source of its own, nine of each class; a fold leaves about a fifth out.
    assert [point["sources"] for point in points[:2]] == [2, 4]
    assert points[-1]["sources"] == pytest.approx(18 * 4 / 5)
    assert points[0]["pictures"] < points[1]["pictures"] < points[-1]["pictures"]
    _, spec = load_checkpoint(run / "weights.safetensors")
    # Folds are scaled in another way, which hardly matters.
    assert points[-1]["auc"] == pytest.approx(spec.evaluation["held_out_auc"], abs=0.02)


@pytest.mark.parametrize("options", [("--epochs", "0"), ("--held-out", "--epochs", "1")])
def test_a_curve_over_sources_without_frozen_stages_is_refused(pictures, tmp_path, options):
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", *options, "--source-curve")
    assert done.returncode == 2
    assert "--source-curve needs --held-out and --epochs 0" in done.stderr
    assert not (tmp_path / "run").exists()
