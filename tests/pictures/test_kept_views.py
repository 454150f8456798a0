"""Changed views that a training keeps: what they are, how they are drawn, and where they end."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from in_process import trustthepixels
from labelled_pictures import write_labelled_pictures

from trustthepixels.infer.errors import InputError, UsageError
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.train.data.manifest import Sample, load_samples
from trustthepixels.train.fitting.fit import Start, prepare_fit, require_room
from trustthepixels.train.fitting.loaders import training_loader, validation_loader
from trustthepixels.train.fitting.recipes import REFERENCE, WEB
from trustthepixels.train.networks.choices import Device, Precision
from trustthepixels.train.networks.hardware import Arithmetic
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.weights import load_checkpoint
from trustthepixels.train.pictures import kept_views
from trustthepixels.train.pictures.augment import augment
from trustthepixels.train.pictures.kept_views import KeptViews, keep_views, require_memory
from trustthepixels.train.pictures.load import load_image, load_pixels
from trustthepixels.train.settings import TrainSettings

TINY = "resnet10t"
SMALL = InputShape(32, 32)
SETTINGS = TrainSettings(
    data="", architecture=TINY, init="random", image_size=32, train_size=32, batch_size=4, views=3
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_labelled_pictures(tmp_path_factory.mktemp("pictures"), per_picture=4)


@pytest.fixture(scope="module")
def samples(pictures):
    """Three of each class, each of another example."""
    listed = load_samples(pictures)
    return [*listed[:12:4], *listed[-12::4]]


@pytest.fixture(scope="module")
def views(samples):
    return keep_views(samples, SMALL, WEB.augmentation, 3, SETTINGS.seed)


class TestKeeping:
    def test_a_view_is_what_the_changes_make_of_the_picture(self, samples):
        """Of changes that do no more than mirror one picture in two."""
        shape = InputShape(32, 40)
        kept = keep_views(samples, shape, REFERENCE.augmentation, 8, seed=1)
        assert (kept.shape, kept.dtype) == ((len(samples), 8, *shape.axes), torch.uint8)
        for sample, changed in zip(samples, kept.numpy(), strict=True):
            rngs = (np.random.default_rng(seed) for seed in range(8))
            image = load_image(sample.path)
            possible = {
                augment(image, REFERENCE.augmentation, shape, rng).tobytes() for rng in rngs
            }
            assert len(possible) == 2
            assert {view.tobytes() for view in changed} <= possible

    def test_seed_name_and_number_decide_and_nothing_else(self, samples, views):
        fewer = keep_views(samples[::-1], SMALL, WEB.augmentation, 2, SETTINGS.seed)
        assert torch.equal(fewer.flip(0), views[:, :2])

    def test_another_number_or_seed_is_another_view(self, samples, views):
        others = keep_views(samples, SMALL, WEB.augmentation, 3, SETTINGS.seed + 1)
        for changed, other in zip(views, others, strict=True):
            both = torch.cat([changed, other])
            assert len({view.numpy().tobytes() for view in both}) == 6

    def test_a_damaged_picture_is_said_in_one_line(self, samples, tmp_path):
        path = tmp_path / "damaged.jpg"
        path.write_bytes(samples[0].path.read_bytes()[:200])
        damaged = Sample(path, "damaged.jpg", "ai", "", "")
        with pytest.raises(InputError, match=f"^cannot use {path}: .*$") as refusal:
            keep_views([samples[0], damaged], SMALL, WEB.augmentation, 2, seed=1)
        assert "\n" not in str(refusal.value)


class TestLoading:
    def test_a_validation_picture_is_what_inference_sees(self, samples):
        batches = list(validation_loader(samples, SETTINGS, "cpu"))
        assert [len(images) for images, _ in batches] == [4, 2]
        images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
        wanted = np.stack([load_pixels(sample.path, SMALL) for sample in samples])
        assert images.dtype == torch.uint8
        assert np.array_equal(images.numpy(), wanted)
        assert targets.tolist() == [sample.target for sample in samples]

    def test_every_view_of_every_picture_has_its_turn(self, samples, views):
        torch.manual_seed(0)
        loader = training_loader(samples, SMALL, WEB, SETTINGS, "cpu")
        shown = {
            view.numpy().tobytes(): (index, number)
            for index, changed in enumerate(views)
            for number, view in enumerate(changed)
        }
        seen, orders = set(), set()
        for _ in range(40):
            # The two pictures that fill no batch are left out.
            ((images, targets),) = loader
            assert (images.shape, images.dtype) == ((4, 32, 32, 3), torch.uint8)
            assert (targets.shape, targets.dtype) == ((4,), torch.int64)
            drawn = [shown[image.numpy().tobytes()] for image in images]
            order = tuple(index for index, _ in drawn)
            assert len(set(order)) == 4
            assert targets.tolist() == [samples[index].target for index in order]
            seen |= set(drawn)
            orders.add(order)
        assert seen == set(shown.values())
        assert len(orders) > 1

    def test_an_item_is_a_view_of_its_picture(self, samples, views):
        targets = torch.tensor([sample.target for sample in samples])
        kept = KeptViews(views, targets, "cpu")
        assert len(kept) == len(samples)
        for index, sample in enumerate(samples):
            view, target = kept[index]
            assert any(torch.equal(view, one) for one in views[index])
            assert (type(target), target) == (int, sample.target)


class TestMoving:
    """To the GPU, which is feigned."""

    @pytest.fixture
    def moved(self, monkeypatch):
        calls = []
        monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor: calls.append(tensor) or tensor)
        return calls

    def test_views_move_once_with_the_first_batch(self, views, moved, monkeypatch):
        targets = torch.zeros(len(views), dtype=torch.int64)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2 * views.nbytes, 0))
        kept = KeptViews(views, targets, "cuda")
        assert not moved
        for _ in range(2):
            kept.__getitems__([0, 1])
        assert [id(tensor) for tensor in moved] == [id(views), id(targets)]

    @pytest.mark.parametrize(("accelerator", "spare"), [("cuda", -2), ("cpu", 0)])
    def test_they_stay_where_there_is_no_room_or_no_gpu(
        self, views, moved, monkeypatch, accelerator, spare
    ):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2 * views.nbytes + spare, 0))
        kept = KeptViews(views, torch.zeros(len(views), dtype=torch.int64), accelerator)
        images, _ = kept.__getitems__([0, 1])
        assert images.shape == (2, 32, 32, 3)
        assert not moved


@pytest.mark.gpu
def test_batches_come_from_the_gpu(samples):
    images, targets = next(iter(validation_loader(samples, SETTINGS, "cuda")))
    assert (images.device.type, targets.device.type) == ("cuda", "cuda")
    wanted = np.stack([load_pixels(sample.path, SMALL) for sample in samples[:4]])
    assert np.array_equal(images.cpu().numpy(), wanted)


class TestRefusals:
    """All before the folder is taken."""

    def test_three_quarters_of_the_memory_may_be_taken(self, monkeypatch):
        monkeypatch.setattr(kept_views, "usable_memory", lambda: 400)
        require_memory(300)
        with pytest.raises(UsageError, match="use fewer --views"):
            require_memory(301)

    def test_both_splits_are_counted(self, samples, monkeypatch):
        start = Start(WEB, Classifier(TINY), None, Arithmetic("cpu", "32-true"))
        settings = replace(SETTINGS, train_size=48)
        needed = (4 * 3 * 48 * 48 + 2 * 32 * 32) * 3
        monkeypatch.setattr(kept_views, "usable_memory", lambda: math.ceil(needed / 0.75))
        require_room(settings, start, samples[:4], samples[4:])
        monkeypatch.setattr(kept_views, "usable_memory", lambda: needed / 0.75 - 2)
        with pytest.raises(UsageError):
            require_room(settings, start, samples[:4], samples[4:])
        require_room(replace(settings, views=0), start, samples, samples)

    @pytest.mark.parametrize("count", [1000, 10**18])
    def test_too_many_views_leave_no_folder(self, pictures, tmp_path, monkeypatch, count):
        monkeypatch.setattr(kept_views, "usable_memory", lambda: 100_000_000)
        outcome = _train(pictures, tmp_path / "run", "--views", str(count))
        assert outcome.returncode == 2
        assert "room for 0.1 GB; use fewer --views, or 0 to keep none\n" in outcome.stderr
        assert not (tmp_path / "run").exists()

    def test_a_recipe_of_pairs_needs_new_views(self, tmp_path):
        pairs = replace(WEB, pairs=True)
        with pytest.raises(UsageError, match="a recipe of pairs needs --views 0"):
            prepare_fit(SETTINGS, tmp_path, Device.CPU, Precision.FP32, pairs)
        fresh = replace(SETTINGS, views=0)
        assert prepare_fit(fresh, tmp_path, Device.CPU, Precision.FP32, pairs).recipe is pairs


def test_a_training_on_kept_views_finishes(pictures, tmp_path):
    run = tmp_path / "run"
    outcome = _train(pictures, run, "--views", "2", "--train-size", "48")
    assert outcome.returncode == 0, outcome.stderr
    _, spec = load_checkpoint(run / "weights.safetensors")
    assert {"validation_auc", "test_auc"} <= set(spec.evaluation)
    assert json.loads((run / "config.json").read_text())["views"] == 2
    with (run / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(row["train_loss"] and row["val_loss"] for row in rows)


def _train(pictures: Path, run: Path, *options: str):
    return trustthepixels(
        *("train", pictures, "--out", run, "--arch", TINY, "--init", "random", "--device", "cpu"),
        *("--image-size", "32", "--batch-size", "8", "--epochs", "2", *options),
    )
