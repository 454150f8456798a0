"""A network that sees the whole picture and a part: features, weights, fit, export, scan."""

import json
import os
import subprocess
import sysconfig
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from in_process import trustthepixels
from labelled_pictures import write_labelled_pictures
from safetensors.torch import save_file
from timm.data import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from timm.models import generate_default_cfgs, register_model

from trustthepixels.export.graph import export_graph
from trustthepixels.export.half import to_float16
from trustthepixels.export.int8.quantize import to_int8
from trustthepixels.export.int8.sections import sections
from trustthepixels.export.request import RangeMethod
from trustthepixels.infer.detector import Detector
from trustthepixels.infer.images.shape import View
from trustthepixels.infer.model.products import INTEGER_DOMAIN, with_float_products
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.stage_resnet import STAGE_FEATURES, StageResNet
from trustthepixels.train.networks.stage_views import StageViews
from trustthepixels.train.networks.stage_vit import StageViT
from trustthepixels.train.pictures.load import load_pixels

SIDE, WIDTH = 64, 48
SPEC = ModelSpec(
    name="views",
    architecture="tiny_stages_and_part",
    calibration=Calibration(),
    thresholds=Thresholds((OperatingPoint(0.01, 0.9),), 0.01, 0.1),
    input_size=(SIDE, SIDE),
    views=(View.WHOLE, View.PART),
)


def _tower():
    size = {"img_size": SIDE, "patch_size": 16, "embed_dim": WIDTH, "num_heads": 3}
    tower = StageViT((0, 1), 2, **size)
    for parameter in tower.parameters():
        # timm's starting weights are so small that all pictures look alike.
        torch.nn.init.normal_(parameter, std=0.1)
    return tower


def _resnet():
    return StageResNet((1, 1, 1, 1), 2)


default_cfgs = generate_default_cfgs(
    {f"{SPEC.architecture}.openai": {"mean": OPENAI_CLIP_MEAN, "std": OPENAI_CLIP_STD}}
)


@register_model
def tiny_stages_and_part(pretrained=False, num_classes=2, **_options):
    return StageViews(_tower(), _resnet(), num_classes)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Files of weights: of a tower, and of a ResNet."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("parts")
    for name, network in (("tower", _tower()), ("resnet", _resnet())):
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_labelled_pictures(tmp_path_factory.mktemp("pictures"), per_picture=4)


@pytest.fixture(scope="module")
def run(parts, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert _train(pictures, folder, parts).returncode == 0
    return folder


def _train(pictures, folder, parts, *options, views=("whole", "part")):
    return trustthepixels(
        *("train", str(pictures), "--out", str(folder), "--arch", SPEC.architecture),
        *("--init", str(parts / "tower.safetensors"), "--image-size", str(SIDE), "--epochs", "0"),
        *("--part-init", str(parts / "resnet.safetensors"), "--recipe", "originals"),
        *(word for view in views for word in ("--view", view)),
        *options,
    )


@pytest.fixture(scope="module")
def model(run, pictures, tmp_path_factory):
    """The exported int8 model."""
    out = tmp_path_factory.mktemp("models") / "views.onnx"
    outcome = trustthepixels(
        *("export", str(run / "weights.safetensors"), "--out", str(out), "--precision", "int8"),
        *("--data", str(pictures), "--splits", str(run / "splits.csv")),
        *("--calibration-size", "24", "--threads", "2"),
    )
    assert outcome.returncode == 0, outcome.stderr
    return out


def _images(count=5):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, 2, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)


def _network():
    torch.manual_seed(0)
    return Classifier(SPEC.architecture).eval()


def _answers(model, images, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(["logits"], {"images": np.asarray(images)})[0]


@torch.inference_mode()
def test_the_last_layer_gets_the_stages_of_both_views():
    network, images = _network(), _images()
    features = network.backbone.forward_features(*network.normalised(images))
    assert features.shape == (5, 3 * WIDTH * 2 + STAGE_FEATURES)
    whole = Classifier("clip_vit_b16_stages")
    seen = network.backbone.whole.forward_features(whole.normalised(images[:, 0])[0])
    torch.testing.assert_close(features[:, : 3 * WIDTH * 2], seen)
    part = Classifier("resnet18_stages")
    seen = network.backbone.part.forward_features(part.normalised(images[:, 1])[0])
    torch.testing.assert_close(features[:, 3 * WIDTH * 2 :], seen, rtol=1e-3, atol=1e-4)


def test_a_run_records_views_and_takes_each_parts_weights(run, parts):
    config = json.loads((run / "config.json").read_text())
    assert config["input_views"] == ["whole", "part"]
    assert config["part_init"].endswith("resnet.safetensors")


@pytest.mark.parametrize(
    ("views", "options", "reason"),
    [
        (("whole",), (), "use --view whole --view part"),
        (("whole", "part"), ("--arch", "resnet18_stages"), "use --view whole"),
        (("whole",), ("--arch", "resnet18_stages"), "leave --part-init out"),
    ],
)
def test_views_that_the_architecture_lacks_are_wrong_usage(
    views, options, reason, pictures, parts, tmp_path
):
    outcome = _train(pictures, tmp_path / "run", parts, *options, views=views)
    assert outcome.returncode == 2
    assert reason in outcome.stderr
    assert not (tmp_path / "run").exists()


def test_all_weights_can_be_trained_too(pictures, parts, tmp_path):
    run = tmp_path / "run"
    outcome = _train(
        pictures, run, parts, "--epochs", "1", "--batch-size", "8", "--recipe", "web-light"
    )
    assert outcome.returncode == 0, outcome.stderr
    assert (run / "weights.safetensors").exists()


@pytest.fixture(scope="module")
def exact():
    return export_graph(_network(), SPEC)


@pytest.fixture(scope="module")
def paths(pictures):
    return [sample.path for sample in load_samples(pictures)][::8]


@pytest.fixture(scope="module")
def rounded(exact, paths):
    load = partial(load_pixels, shape=SPEC.input_shape)
    return to_int8(exact, paths, load, RangeMethod.LEAST_SQUARES)


@pytest.fixture(scope="module")
def shown(paths):
    return np.stack([load_pixels(path, SPEC.input_shape) for path in paths])


def _distance(model, exact, images):
    """Return the largest change of a logit, as a share of the largest logit."""
    wanted = _answers(exact, images)
    return np.abs(_answers(model, images) - wanted).max() / np.abs(wanted).max()


def test_each_view_is_normalised_apart(exact):
    parts = sections(exact)
    assert len(parts.normalised) == len(parts.first) == 2


@torch.inference_mode()
def test_the_exported_graph_answers_as_the_network_does(exact):
    wanted = _network()(_images()).numpy()
    np.testing.assert_allclose(_answers(exact, _images()), wanted, atol=1e-4)
    assert np.ptp(wanted[:, 0]) > 1e-3


def test_int8_rounds_products_of_one_view_and_convolutions_of_the_other(exact, rounded, shown):
    onnx.checker.check_model(rounded)
    products = [node for node in rounded.graph.node if node.domain == INTEGER_DOMAIN]
    assert len(products) == 4 * 2
    codes = [
        value for value in rounded.graph.initializer if value.data_type == onnx.TensorProto.INT8
    ]
    # Of each of four blocks, both convolutions; the shortcuts and the first one stay exact.
    assert sum(len(value.dims) == 4 for value in codes) >= 8
    assert rounded.ByteSize() < 0.4 * exact.ByteSize()
    assert _distance(rounded, exact, shown) < 0.1


@pytest.mark.parametrize("graph", ["exact", "rounded"])
@pytest.mark.parametrize("threads", [1, 2])
def test_no_bit_of_an_answer_depends_on_batch_or_threads(graph, threads, request):
    model, images = request.getfixturevalue(graph), _images()
    together = _answers(model, images)
    alone = np.concatenate([_answers(model, image[None], threads) for image in images])
    np.testing.assert_array_equal(together, alone)


def test_other_arithmetics_take_both_views(exact, rounded, shown):
    content = with_float_products(rounded.SerializeToString())
    assert _distance(onnx.load_model_from_string(content), exact, shown) < 0.1
    assert _distance(to_float16(exact), exact, shown) < 0.01


def _scan(model: Path, folder: Path, out: Path, *options: str) -> bytes:
    program = Path(sysconfig.get_path("scripts")) / "scan-folder"
    command = [program, folder, "--model", model, "--out", out, "--device", "cpu", "--quiet"]
    subprocess.run([*command, *options], check=True, timeout=120, env={**os.environ})
    return out.read_bytes()


@pytest.fixture(scope="module")
def mixed(pictures, tmp_path_factory, examples):
    """Pictures of several formats and sizes, some of which workers decode."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("mixed")
    for number, path in enumerate(sorted(examples.glob("*/*.jpg"))):
        (folder / path.name).write_bytes(path.read_bytes())
        with Image.open(path) as image:
            small = image.convert("RGB").resize((40 + 30 * number, 200 - 9 * number))
        suffix = ("png", "gif", "tiff", "webp", "bmp")[number % 5]
        small.save(folder / f"{path.stem}-small.{suffix}")
    return folder


def test_rows_are_the_same_for_any_threads_batches_and_processes(model, mixed, tmp_path):
    rows = _scan(model, mixed, tmp_path / "rows.csv")
    for number, options in enumerate(
        (
            ("--threads", "1", "--batch-size", "1"),
            ("--threads", "2", "--batch-size", "7", "--decode-threads", "3"),
            ("--isolate", "all"),
        )
    ):
        assert _scan(model, mixed, tmp_path / f"{number}.csv", *options) == rows
    detector = Detector(model, "cpu")
    scanned = list(detector.scan([mixed]))
    assert len({row.verdict.p_ai for row in scanned if row.verdict}) > len(scanned) / 2
    for row in scanned[::5]:
        assert detector.row(row.path) == row
        assert detector.predict(row.path) == row.verdict


def test_info_names_the_views(model):
    outcome = trustthepixels("info", str(model))
    assert f"{SIDE}×{SIDE} RGB, 8 bit, views: whole, part" in outcome.stdout


def test_evaluation_takes_weights_and_model(model, run, pictures):
    for name in (model, run / "weights.safetensors"):
        outcome = trustthepixels("evaluate", str(name), str(pictures), "--device", "cpu")
        assert outcome.returncode == 0, outcome.stderr
