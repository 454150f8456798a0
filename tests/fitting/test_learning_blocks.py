"""``train --held-out --epochs 1``: the later blocks of a tower learn, in each of the six fits."""

import shutil

import numpy as np
import pytest
import torch
from in_process import trustthepixels
from labelled_pictures import rows_of, write_pictures_of_many_sources
from timm.models import register_model

from trustthepixels.train.data.folds import source_folds
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.fitting.all_sources.learning_blocks import harder
from trustthepixels.train.fitting.recipes import ORIGINALS
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.stage_vit import StageViT
from trustthepixels.train.networks.weights import load_backbone, load_checkpoint, read_state
from trustthepixels.train.pictures import stored_views as stored
from trustthepixels.train.pictures.kept_views import keep_views
from trustthepixels.train.pictures.load import load_pixels
from trustthepixels.train.settings import TrainSettings

SIDE, WIDTH, UNITS = 32, 24, 16
SHAPE = TrainSettings(data="", image_size=SIDE).input_shape
PLAIN = (
    "--arch", "tiny_learning_vit", "--init", "random", "--image-size", str(SIDE),
    "--recipe", "originals", "--device", "cpu", "--held-out",
)  # fmt: skip
LEARNING = (
    *PLAIN, "--epochs", "2", "--views", "2", "--batch-size", "4", "--learning-rate", "0.01",
)  # fmt: skip


@register_model
def tiny_learning_vit(pretrained=False, num_classes=2, **options):
    size = {"img_size": SIDE, "patch_size": 16, "embed_dim": WIDTH, "num_heads": 3}
    return StageViT((0, 1), num_classes, UNITS, **size)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures_of_many_sources(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = trustthepixels("train", pictures, "--out", folder, *LEARNING)
    assert done.returncode == 0, done.stderr
    return folder


def test_later_blocks_and_layers_learn_and_the_rest_stays(run, pictures, tmp_path):
    frozen = tmp_path / "frozen"
    done = trustthepixels("train", pictures, "--out", frozen, *PLAIN, "--epochs", "0")
    assert done.returncode == 0, done.stderr
    before, after = (read_state(folder / "weights.safetensors") for folder in (frozen, run))
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    learning = {name for name in before if name.startswith(("blocks.1.", "fc."))}
    assert changed <= learning
    assert {"blocks.1.attn.qkv.weight", "blocks.1.mlp.fc2.weight", "fc.0.weight"} <= changed


def test_each_answer_is_of_the_fit_without_its_source(run, pictures):
    samples = load_samples(pictures)
    folds = source_folds(samples)
    p_ai = {row["file"]: float(row["p_ai"]) for row in rows_of(run / "held-out.csv")}
    for fold in range(5):
        out = [sample for sample in samples if folds[sample.source] == fold]
        network = Classifier("tiny_learning_vit").eval()
        path = run / "fits" / f"fold-{fold}.safetensors"
        load_backbone(network, read_state(path), path)
        views = np.stack([load_pixels(sample.path, SHAPE) for sample in out])
        with torch.inference_mode():
            logits = network(torch.from_numpy(views))
        margins = (logits[:, 1] - logits[:, 0]).numpy()
        given = np.array([p_ai[sample.file] for sample in out])
        # A scale, a temperature and a bias lie between both.
        assert np.corrcoef(margins, np.log(given / (1 - given)))[0, 1] > 0.99


def test_the_weights_are_those_of_the_fit_on_all(run):
    weights, fitted = read_state(run / "weights.safetensors"), run / "fits" / "all.safetensors"
    assert all(torch.equal(value, weights[name]) for name, value in read_state(fitted).items())
    _, spec = load_checkpoint(run / "weights.safetensors")
    assert spec.evaluation["held_out_auc"] > 0


def test_a_resumed_run_takes_finished_fits_and_views(run, pictures, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    before = {name: (run / name).read_bytes() for name in ("held-out.csv", "weights.safetensors")}
    for name in before:
        (copy / name).unlink()
    (copy / "fits" / "fold-3.safetensors").unlink()
    kept = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.suffix == ".npy"}
    fits = {path: path.stat().st_mtime_ns for path in (copy / "fits").iterdir()}
    done = trustthepixels("train", pictures, "--out", copy, *LEARNING, "--resume")
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {path: path.stat().st_mtime_ns for path in fits} == fits
    assert {name: (copy / name).read_bytes() for name in before} == before


def test_what_it_cannot_do_is_refused_before_anything_is_written(pictures, tmp_path):
    run = tmp_path / "run"
    resnet = ("--arch", "resnet18_stages", *PLAIN[2:], "--epochs", "1", "--views", "1")
    for options, reason in (
        (resnet, "trains the blocks of a tower, which resnet18_stages does not have"),
        ((*PLAIN, "--epochs", "1"), "keeps changed views; use --views 4"),
        ((*LEARNING, "--train-size", "48"), "at the size of inference; leave --train-size out"),
        ((*LEARNING, "--fold", "1"), "--held-out excludes --fold"),
    ):
        done = trustthepixels("train", pictures, "--out", run, *options)
        assert done.returncode == 2
        assert reason in done.stderr
        assert not run.exists()


def test_stored_views_are_those_that_memory_would_keep(run, pictures):
    samples = load_samples(pictures)
    for augmentation, count in ((None, 1), (harder(ORIGINALS.augmentation), 2)):
        found = stored.stored_views(run / "views", samples, SHAPE, augmentation, count, 42)
        kept = keep_views(samples, SHAPE, augmentation, count, 42)
        np.testing.assert_array_equal(found, kept.numpy())
    assert len(list((run / "views").iterdir())) == 2


def test_views_of_a_changed_picture_are_made_again(pictures, tmp_path):
    copy, views = tmp_path / "pictures", tmp_path / "views"
    shutil.copytree(pictures, copy)
    samples = load_samples(copy)
    before = stored.stored_views(views, samples, SHAPE, None, 1, 42)
    shutil.copy(samples[1].path, samples[0].path)
    after = stored.stored_views(views, samples, SHAPE, None, 1, 42)
    np.testing.assert_array_equal(after[0], before[1])
    np.testing.assert_array_equal(after[1:], before[1:])


def test_views_that_do_not_fit_on_the_disk_are_refused(pictures, tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(stored.shutil, "disk_usage", lambda folder: full)
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", *LEARNING)
    assert done.returncode != 0
    assert "make room or use fewer --views" in done.stderr
    assert not list((tmp_path / "run" / "views").iterdir())
