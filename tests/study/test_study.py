"""Recipes are compared under one protocol: the same pictures, nothing judged by its own answers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
from in_process import trustthepixels
from labelled_pictures import write_labelled_pictures, write_pictures_of_many_sources
from safetensors.torch import save_file

from trustthepixels.infer.errors import InputError, UsageError
from trustthepixels.train.data.manifest import Sample, load_samples
from trustthepixels.train.data.splits import split_by_group, write_splits
from trustthepixels.train.fitting.lightning import ClassifierModule
from trustthepixels.train.fitting.recipes import WEB_LIGHT, Recipe, Trained
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.study.answers import RunAnswers
from trustthepixels.train.study.figures import StudyPictures, averaged, study_figures
from trustthepixels.train.study.protocol import StudyRequest, StudyRun
from trustthepixels.train.study.tuned import train_tuned
from trustthepixels.train.study.variants import Variant, variants_by_name


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Crops of the examples, every example a source of its own: nine of each class."""
    folder = write_pictures_of_many_sources(tmp_path_factory.mktemp("pictures"))
    write_splits(folder / "splits.csv", split_by_group(load_samples(folder), 42))
    return folder


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    return write_labelled_pictures(tmp_path_factory.mktemp("else"), per_picture=1, side=56, seed=9)


@pytest.fixture(scope="module")
def init(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("init") / "resnet18.safetensors"
    save_file(timm.create_model("resnet18").state_dict(), path)
    return path


@pytest.fixture
def request_of(pictures, elsewhere, init):
    return StudyRequest(pictures, pictures / "splits.csv", elsewhere, init, side=32)


def arguments(pictures: Path, elsewhere: Path, init: Path, out: Path) -> list[str | Path]:
    return [
        "study", pictures, "--splits", pictures / "splits.csv", "--external", elsewhere,
        "--init", init, "--side", "32", "--out", out,
    ]  # fmt: skip


def test_a_study_compares_recipes_and_goes_on_where_it_stopped(
    run_command, pictures, elsewhere, init, tmp_path
):
    out = tmp_path / "study"
    command = arguments(pictures, elsewhere, init, out)
    done = run_command("trustthepixels", *command, "--variant", "web-light")
    assert done.returncode == 0, done.stderr
    (folder,) = out.glob("web-light-*")
    answers = sorted(folder.iterdir())
    assert [path.name for path in answers] == [
        *(f"fold{fold}.npz" for fold in range(5)),
        "whole.npz",
    ]
    before = {path: path.stat().st_mtime_ns for path in answers}

    done = trustthepixels(*command, "--variant", "web-light", "--variant", "both views")
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in answers} == before
    rows = json.loads((out / "study.json").read_text())["recipes"]
    assert [row["name"] for row in rows] == ["web-light", "both views"]
    for row in rows:
        assert set(row["figures"]) == {"test", "held_out", "external", "external_web"}
        for part in row["figures"].values():
            assert 0.0 <= part["auc"]["low"] <= part["auc"]["value"] <= part["auc"]["high"] <= 1.0
    page = (out / "study.md").read_text()
    for row in rows:
        assert page.count(f"| {row['name']} |") == 3


def test_answers_of_another_study_are_not_taken_over(pictures, elsewhere, init, tmp_path):
    out = tmp_path / "study"
    out.mkdir()
    (out / "request.json").write_text('{"side": 64, "seed": 42}')
    done = trustthepixels(*arguments(pictures, elsewhere, init, out))
    assert done.returncode == 2
    assert "holds a study with other data, external, init, splits, side" in done.stderr
    assert [path.name for path in out.iterdir()] == ["request.json"]


def test_a_picture_that_cannot_be_used_is_named(elsewhere, init, pictures, tmp_path):
    broken = tmp_path / "else"
    shutil.copytree(elsewhere, broken)
    victim = next((broken / "AI").iterdir())
    victim.write_bytes(b"no picture")
    done = trustthepixels(
        *arguments(pictures, broken, init, tmp_path / "study"), "--variant", "reference"
    )
    assert done.returncode == 2
    assert str(victim) in done.stderr


def test_a_fine_tuned_run_leaves_answers_and_no_checkpoints(request_of, pictures, tmp_path):
    samples = load_samples(pictures)
    some = tuple(samples[::4])
    run = StudyRun("whole", tuple(samples), some, some, some[:3])
    recipe = WEB_LIGHT
    answers = train_tuned(request_of, Variant("x", "", recipe, tuned=True), run, tmp_path)
    assert len(answers.test) == len(answers.validation) == len(some)
    assert len(answers.external) == len(answers.external_web) == 3
    assert np.isfinite(answers.test).all()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (["--variant", "best"], "no variant 'best'"),
        (["--weights", "x.safetensors"], "--weights and --run are needed together"),
        (["--init", "absent.safetensors"], "absent.safetensors: not a weights file"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line(
    extra, reason, pictures, elsewhere, init, tmp_path
):
    out = tmp_path / "study"
    done = trustthepixels(*arguments(pictures, elsewhere, init, out), *extra)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def sample(index: int, label: str, fold: int) -> Sample:
    name = f"{label}-{fold}-{index}"
    return Sample(Path(name), name, label, f"{label}-{fold}", name)


def answers_and_pictures(
    shift: float, seed: int = 1
) -> tuple[dict[str, RunAnswers], StudyPictures]:
    """A detector that is nearly always right; ``shift`` is added to fold 4's photographs."""
    rng = np.random.default_rng(seed)
    folds = [
        tuple(sample(index, label, fold) for label in ("real", "ai") for index in range(100))
        for fold in range(5)
    ]
    margins = np.repeat([-2.0, 2.0], 100)

    def run(moved: float) -> RunAnswers:
        test = margins + rng.normal(0, 1, 200) + np.repeat([moved, 0.0], 100)
        return RunAnswers(margins.copy(), test, test[95:105], test[95:105])

    runs = {f"fold{fold}": run(shift if fold == 4 else 0.0) for fold in range(5)}
    return {"whole": run(0.0), **runs}, StudyPictures(folds[0], tuple(folds), folds[0][95:105])


def test_a_folds_thresholds_rest_on_the_other_folds():
    runs, pictures = answers_and_pictures(shift=0.0)
    usual = study_figures(pictures, runs)["held_out"]
    assert usual["auc"].value > 0.98
    assert usual["false_positive_rate_verdict"].value < 0.03

    # Were fold 4's photographs allowed to set their own thresholds, 1 % of all would be called ai.
    runs, pictures = answers_and_pictures(shift=6.0)
    shifted = study_figures(pictures, runs)["held_out"]
    assert shifted["false_positive_rate_verdict"].value > 0.15


def test_how_far_a_run_spreads_its_answers_does_not_matter():
    runs, pictures = answers_and_pictures(shift=0.0)
    wide = {
        name: RunAnswers(
            *(k * part for part in (one.validation, one.test, one.external, one.external_web))
        )
        for k, (name, one) in enumerate(runs.items(), start=1)
    }
    for part, figures in study_figures(pictures, runs).items():
        assert study_figures(pictures, wide)[part]["auc"] == figures["auc"]


def test_two_networks_judge_together_better_than_one():
    (first, pictures), (second, _) = (answers_and_pictures(0.0, seed=seed) for seed in (1, 2))
    # However far the second one spreads its answers, it has the same say.
    second = {
        name: RunAnswers(*(9.0 * part for part in (one.validation, one.test, *[one.external] * 2)))
        for name, one in second.items()
    }
    alone = [study_figures(pictures, one)["held_out"]["auc"].value for one in (first, second)]
    together = study_figures(pictures, averaged(first, second))["held_out"]["auc"].value
    assert together > max(alone)


def test_answers_of_other_pictures_are_refused():
    runs, pictures = answers_and_pictures(shift=0.0)
    fewer = StudyPictures(pictures.test[:-1], pictures.folds, pictures.external)
    with pytest.raises(InputError, match="200 answers for 199 pictures"):
        study_figures(fewer, runs)


def test_what_a_recipe_leaves_alone_neither_learns_nor_counts():
    network = Classifier("resnet18")
    module = ClassifierModule(
        network, Recipe("x", WEB_LIGHT.augmentation, trained=Trained.LATE), 1e-3, 9
    )
    module.train()
    parts = dict(network.backbone.named_children())
    learning = [
        name for name, part in parts.items() if any(p.requires_grad for p in part.parameters())
    ]
    assert learning == ["layer3", "layer4", "fc"]
    assert not network.backbone.bn1.training
    assert parts["layer4"].training


def test_only_a_resnet_has_late_stages():
    network = Classifier("mobilenetv3_small_050")
    with pytest.raises(UsageError, match="is not a ResNet"):
        ClassifierModule(
            network, Recipe("x", WEB_LIGHT.augmentation, trained=Trained.LATE), 1e-3, 9
        )


def test_variants_keep_their_order():
    names = [variant.name for variant in variants_by_name(("web", "reference"))]
    assert names == ["reference", "web"]
