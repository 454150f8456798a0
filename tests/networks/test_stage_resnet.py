"""A last layer that sees every stage: what it gets, how it is fitted, and that it exports."""

from dataclasses import replace
from functools import partial

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from in_process import trustthepixels
from labelled_pictures import csv_columns, write_labelled_pictures

from trustthepixels.export.graph import export_graph
from trustthepixels.export.half import to_float16
from trustthepixels.export.int8.quantize import to_int8
from trustthepixels.export.int8.residual import exact_shortcuts
from trustthepixels.export.int8.sections import sections
from trustthepixels.export.request import RangeMethod
from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.fitting.last_layer import fit_last_layer, fit_regression
from trustthepixels.train.fitting.recipes import REFERENCE
from trustthepixels.train.networks.grow import load_or_grow
from trustthepixels.train.networks.hardware import Arithmetic
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.stage_resnet import STAGE_FEATURES
from trustthepixels.train.networks.weights import load_checkpoint, read_state, save_weights
from trustthepixels.train.pictures.load import load_pixels

SIDE = 64
EXACT = Arithmetic("cpu", "32-true")
SPEC = ModelSpec(
    name="stages",
    architecture="resnet18_stages",
    calibration=Calibration(),
    thresholds=Thresholds((OperatingPoint(0.01, 0.9),), 0.01, 0.1),
    input_size=(SIDE, SIDE),
)


def _network(architecture: str = "resnet18_stages") -> Classifier:
    torch.manual_seed(0)
    return Classifier(architecture).eval()


def _images(count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)


@torch.inference_mode()
def test_the_last_layer_gets_mean_and_deviation_of_every_stage():
    network, maps = _network(), []
    for name in ("layer1", "layer2", "layer3", "layer4"):
        stage = network.backbone.get_submodule(name)
        stage.register_forward_hook(lambda _module, _inputs, output: maps.append(output.numpy()))
    features = network.backbone.forward_features(*network.normalised(_images())).numpy()
    wanted = [
        part for one in maps for part in (one.mean(axis=(2, 3)), np.sqrt(one.var(axis=(2, 3))))
    ]
    assert features.shape == (2, STAGE_FEATURES)
    np.testing.assert_allclose(features, np.concatenate(wanted, axis=1), rtol=1e-3, atol=2e-3)


@torch.inference_mode()
def test_a_resnet34_grown_from_a_resnet18_says_the_same_to_the_last_bit():
    small, large = _network(), _network("resnet34_stages")
    load_or_grow(large.backbone, small.backbone.state_dict())
    assert torch.equal(large(_images()), small(_images()))


def test_timms_weights_fit_all_but_the_last_layer():
    network = _network()
    before = network.backbone.fc.weight.clone()
    timms = timm.create_model("resnet18", num_classes=2)
    load_or_grow(network.backbone, timms.state_dict())
    assert torch.equal(network.backbone.conv1.weight, timms.conv1.weight)
    assert torch.equal(network.backbone.fc.weight, before)


def test_a_network_without_stages_in_its_last_layer_cannot_have_it_fitted():
    with pytest.raises(UsageError, match="use resnet34_stages"):
        fit_last_layer(_network("resnet18"), [], REFERENCE.augmentation, SPEC.input_shape, EXACT)


def test_a_feature_that_differs_by_rounding_alone_gets_no_huge_weight():
    targets = np.tile([0, 1], 50)
    rounding = 1.0 + 1e-8 * targets
    told = np.random.default_rng(0).normal(targets, 1.0)
    features = np.stack([rounding, told], axis=1)
    scaler, model = fit_regression(features, targets, np.ones(100))
    weights = model.coef_[0] / scaler.scale_
    assert abs(weights[0]) < abs(weights[1]) < 1e3


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_labelled_pictures(tmp_path_factory.mktemp("pictures"), per_picture=4)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    path = tmp_path_factory.mktemp("start") / "start.pt"
    torch.save(_network().backbone.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def finished(pictures, start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    outcome = trustthepixels(
        *("train", pictures, "--out", folder, "--arch", "resnet18_stages", "--init", start),
        *("--image-size", SIDE, "--epochs", "0", "--recipe", "web-light"),
    )
    assert outcome.returncode == 0, outcome.stderr
    return folder


@pytest.fixture(scope="module")
def graph():
    return export_graph(_network(), SPEC)


def _share_right(network, samples):
    with torch.inference_mode():
        pixels = np.stack([load_pixels(one.path, SPEC.input_shape) for one in samples])
        answers = network.eval()(torch.from_numpy(pixels)).argmax(dim=1).numpy()
    return (answers == [one.target for one in samples]).mean()


class TestFitting:
    """``train --epochs 0``."""

    def test_the_last_layer_changes_and_nothing_else(self, finished, start):
        network, spec = load_checkpoint(finished / "weights.safetensors")
        assert spec.architecture == "resnet18_stages"
        assert {"validation_auc", "test_auc"} <= set(spec.evaluation)
        before = read_state(start)
        changed = {
            name
            for name, value in network.backbone.state_dict().items()
            if not torch.equal(value, before[name].half().to(value.dtype))
        }
        assert changed == {"fc.weight", "fc.bias"}

    def test_it_tells_the_training_pictures_apart(self, finished, pictures):
        network, _ = load_checkpoint(finished / "weights.safetensors")
        splits = dict(csv_columns(finished / "splits.csv", "file", "split"))
        learned = [one for one in load_samples(pictures) if splits[one.file] == "train"]
        again = _network()
        again.backbone.load_state_dict(network.backbone.state_dict())
        fit_last_layer(again, learned, REFERENCE.augmentation, SPEC.input_shape, EXACT)
        assert _share_right(again, learned) > 0.9

    def test_it_sees_each_picture_as_it_is_too(self, pictures):
        """So it tells them apart where the changes leave nothing of them."""
        samples = load_samples(pictures)
        noise = replace(REFERENCE.augmentation, noise_probability=1, noise_deviation=(2000, 2000))
        network = _network()
        fit_last_layer(network, samples, noise, SPEC.input_shape, EXACT)
        assert _share_right(network, samples) > 0.9

    def test_a_network_that_cannot_have_it_is_refused_before_the_folder_is_taken(
        self, pictures, tmp_path
    ):
        outcome = trustthepixels(
            *("train", pictures, "--out", tmp_path / "run", "--arch", "resnet18"),
            *("--init", "random", "--image-size", SIDE, "--epochs", "0"),
        )
        assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
        assert "use resnet34_stages" in outcome.stderr
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--train-size", "48"),
            ("--learning-rate", "0.1"),
            # The usual value, but it was asked for.
            ("--batch-size", "32"),
            ("--views", "2"),
        ],
    )
    def test_what_only_epochs_need_is_refused(self, pictures, start, tmp_path, option, value):
        outcome = trustthepixels(
            *("train", pictures, "--out", tmp_path / "run", "--arch", "resnet18_stages"),
            *("--init", start, "--image-size", SIDE, "--epochs", "0", option, value),
        )
        assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
        assert f"--epochs 0 fits the last layer alone, without {option} " in outcome.stderr
        assert not (tmp_path / "run").exists()

    def test_a_teachers_answers_take_the_place_of_the_labels(
        self, pictures, start, finished, tmp_path
    ):
        """Of a teacher that takes everything for the opposite, and sees smaller pictures."""
        teacher, spec = load_checkpoint(finished / "weights.safetensors")
        with torch.no_grad():
            for tensor in teacher.backbone.fc.parameters():
                tensor.neg_()
        save_weights(tmp_path / "opposite.safetensors", teacher, spec)
        outcome = trustthepixels(
            *("train", pictures, "--out", tmp_path / "run", "--arch", "resnet18_stages"),
            *("--init", start, "--image-size", SIDE + 16, "--epochs", "0"),
            *("--teacher", tmp_path / "opposite.safetensors"),
        )
        assert outcome.returncode == 0, outcome.stderr
        student, _ = load_checkpoint(tmp_path / "run" / "weights.safetensors")
        splits = dict(csv_columns(tmp_path / "run" / "splits.csv", "file", "split"))
        learned = [one for one in load_samples(pictures) if splits[one.file] == "train"]
        # Learned from the labels it would be above 0.9; four orientations leave it a few pictures.
        assert _share_right(student, learned) < 0.2

    def test_it_leaves_no_metrics_of_epochs(self, finished):
        assert sorted(path.name for path in finished.iterdir()) == [
            "config.json",
            "splits.csv",
            "weights.safetensors",
        ]


class TestExport:
    """The graph pools four times, and reduced precision is for the convolutions before that."""

    def test_the_head_begins_where_each_stage_is_pooled(self, graph):
        parts = sections(graph)
        assert len(parts.features) == 4
        assert {node.op_type for node in parts.body} >= {"Conv", "Relu", "Add"}
        assert not [node for node in parts.head if node.op_type in ("Conv", "MaxPool")]
        assert len(graph.graph.node) == sum(
            len(part) for part in (parts.normalisation, parts.body, parts.head)
        )

    def test_int8_rounds_convolutions_and_no_stage(self, graph, pictures):
        parts = sections(graph)
        files = [sample.path for sample in load_samples(pictures)]
        load = partial(load_pixels, shape=SPEC.input_shape)
        quantized = to_int8(graph, files, load, RangeMethod.MINMAX)
        producers = {name: node for node in quantized.graph.node for name in node.output}
        # The residual stream, which the stages' poolings read, is not rounded.
        assert {producers[name].op_type for name in parts.features} == {"Relu"}
        # Of 20 convolutions the first is not rounded either.
        exact = {value.name: tuple(value.dims)[2:] for value in quantized.graph.initializer}
        convolutions = [node for node in quantized.graph.node if node.op_type == "Conv"]
        sizes = [exact[node.input[1]] for node in convolutions if node.input[1] in exact]
        assert (len(convolutions), sizes) == (20, [(7, 7)])
        session = onnxruntime.InferenceSession(
            quantized.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        pixels = np.stack([load(file) for file in files[:16]])
        logits = session.run(["logits"], {"images": pixels})[0]
        alone = [session.run(["logits"], {"images": one[None]})[0] for one in pixels]
        assert np.array_equal(np.concatenate(alone), logits)
        margin = np.diff(logits, axis=1)
        with torch.inference_mode():
            wanted = np.diff(_network()(torch.from_numpy(pixels)).numpy(), axis=1)
        assert np.corrcoef(margin.ravel(), wanted.ravel())[0, 1] > 0.99

    def test_int8_leaves_shortcuts_alone_where_they_weigh_little(self, graph):
        assert exact_shortcuts(graph, sections(graph)) == []
        deep = export_graph(_network("resnet34_stages"), SPEC)
        shapes = {value.name: tuple(value.dims) for value in deep.graph.initializer}
        found = exact_shortcuts(deep, sections(deep))
        assert [shapes[node.input[1]] for node in found] == [
            (128, 64, 1, 1),
            (256, 128, 1, 1),
            (512, 256, 1, 1),
        ]

    @pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
    def test_it_answers_as_pytorch_does(self, graph, half):
        session = onnxruntime.InferenceSession(
            (to_float16(graph) if half else graph).SerializeToString(),
            providers=["CPUExecutionProvider"],
        )
        logits = session.run(["logits"], {"images": _images(3).numpy()})[0]
        with torch.inference_mode():
            wanted = _network()(_images(3)).numpy()
        np.testing.assert_allclose(logits, wanted, atol=2e-2 if half else 1e-4)
