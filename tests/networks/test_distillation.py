"""A student learns what its teacher answers, on views that both see."""

import csv
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from in_process import trustthepixels
from labelled_pictures import write_labelled_pictures
from PIL import Image
from tiny_model import SPEC
from torchvision.models import feature_extraction

from trustthepixels.infer.images.preprocess import resize
from trustthepixels.train.networks.architectures import slimmed
from trustthepixels.train.networks.grow import load_or_grow
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.teacher import Teacher, distillation_loss, shrink, view_size
from trustthepixels.train.networks.weights import read_state, save_weights

TINY = "resnet10t"
OPTIONS = ("--init", "random", "--image-size", "32", "--batch-size", "8", "--epochs", "1")


def test_the_edge_network_is_a_resnet18_with_less_of_its_last_stage():
    large = timm.create_model("resnet18", num_classes=2).eval()
    with torch.no_grad():
        gains = torch.arange(512.0)
        large.layer4[0].bn1.weight.copy_(gains[torch.randperm(512)])
    edge = timm.create_model("resnet16_slim", num_classes=2).eval()
    load_or_grow(edge, slimmed(large.state_dict()))
    stages = feature_extraction.create_feature_extractor(large, ["layer3"])
    own_stages = feature_extraction.create_feature_extractor(edge, ["layer3"])
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(own_stages(pixels)["layer3"], stages(pixels)["layer3"])
    kept = edge.layer4[0].bn1.weight
    assert sorted(kept.tolist()) == gains[-len(kept) :].tolist()
    assert sum(weight.numel() for weight in edge.parameters()) < 5_900_000


def test_weights_of_the_edge_network_are_loaded_as_they_are():
    edge = timm.create_model("resnet16_slim", num_classes=2)
    same = slimmed(edge.state_dict())
    assert all(torch.equal(same[name], value) for name, value in edge.state_dict().items())


def test_a_student_that_answers_like_its_teacher_has_nothing_to_learn():
    answers = torch.tensor([[2.0, -1.0], [0.5, 0.25]])
    assert distillation_loss(answers, answers).item() == pytest.approx(0.0, abs=1e-7)
    # A constant on both logits changes no probability.
    assert distillation_loss(answers + 3.0, answers).item() == pytest.approx(0.0, abs=1e-6)
    assert distillation_loss(answers.flip(1), answers).item() > 0.1


def test_both_see_things_equally_large():
    assert view_size((224, 224), student=160, train_size=136) == 190
    assert view_size((224, 224), student=224, train_size=192) == 192


def test_the_students_view_is_what_the_scanner_would_make_of_the_teachers():
    picture = Image.effect_noise((190, 190), 60).convert("RGB")
    view = torch.from_numpy(np.array(picture))[None]
    small = shrink(view, 136)[0].numpy().astype(int)
    assert np.abs(small - resize(picture, (136, 136)).astype(int)).max() <= 1
    assert shrink(view, 190) is view


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labelled_pictures(tmp_path_factory.mktemp("pictures"), per_picture=2)


@pytest.fixture(scope="module")
def splits(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = ("train", "train", "validation", "test")
    lines = [f"{row['file']},{parts[i % 4]}" for i, row in enumerate(_rows(pictures))]
    path = tmp_path_factory.mktemp("splits") / "splits.csv"
    path.write_text("\n".join(["file,split", *lines]))
    return path


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_teacher(tmp_path_factory.mktemp("teacher"), side=48, seed=1)


def _write_teacher(folder: Path, *, side: int, seed: int) -> Path:
    torch.manual_seed(seed)
    path = folder / f"teacher-{seed}.safetensors"
    save_weights(path, Classifier(TINY), replace(SPEC, architecture=TINY, input_size=(side, side)))
    return path


def test_several_teachers_answer_with_their_mean(teacher, tmp_path):
    other = _write_teacher(tmp_path, side=48, seed=2)
    images = torch.randint(256, (4, 48, 48, 3), dtype=torch.uint8)
    alone = [Teacher([path]).logits(images) for path in (teacher, other)]
    together = Teacher([teacher, other])
    assert together.input_shape.size == (48, 48)
    assert not torch.allclose(alone[0], alone[1], atol=1e-2)
    torch.testing.assert_close(together.logits(images), (alone[0] + alone[1]) / 2)


def test_teachers_that_see_other_sizes_are_refused(pictures, splits, teacher, tmp_path):
    other = _write_teacher(tmp_path, side=64, seed=2)
    options = ("--splits", str(splits), "--teacher", str(teacher), "--teacher", str(other))
    outcome = _outcome(pictures, tmp_path / "run", *options)
    assert outcome.returncode == 2
    assert outcome.stderr.endswith(
        "error: the teachers see pictures differently: 48×48 (whole), 64×64 (whole)\n"
    )
    assert not (tmp_path / "run").exists()


def test_labels_do_not_matter_to_a_student(pictures, splits, teacher, tmp_path):
    rows = _rows(pictures)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for folder in ("AI", "Real"):
        (mixed / folder).symlink_to(pictures / folder)
    with (mixed / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow(row | {"class": ("ai", "real")[number // 4 % 2]})
    states = []
    for data in (pictures, mixed):
        run = tmp_path / f"run-{data.name}"
        _train(data, run, "--teacher", str(teacher), "--splits", str(splits))
        states.append(read_state(run / "weights.safetensors"))
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def _rows(data: Path) -> list[dict[str, str]]:
    with (data / "manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def _train(data: Path, run: Path, *options: str) -> None:
    outcome = _outcome(data, run, *options)
    assert outcome.returncode == 0, outcome.stderr


def _outcome(data: Path, run: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ("train", data, "--out", run, "--arch", TINY, "--recipe", "distil")
    return trustthepixels(*command, *OPTIONS, *options)
