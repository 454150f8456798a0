"""A hidden layer after a transformer's blocks: how it is fitted, trained, written and exported."""

import numpy as np
import onnxruntime
import pytest
import torch
from in_process import trustthepixels
from labelled_pictures import rows_of, write_pictures_of_many_sources
from timm.models import register_model

from trustthepixels.export.graph import export_graph
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.infer.results import LABELS
from trustthepixels.train.fitting.hidden_layer import fit_hidden_layer, hidden_units
from trustthepixels.train.networks.grow import load_or_grow
from trustthepixels.train.networks.hardware import Arithmetic
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.stage_vit import StageViT
from trustthepixels.train.networks.weights import load_checkpoint, save_weights

SIDE, WIDTH, UNITS = 32, 24, 16
EXACT = Arithmetic("cpu", "32-true")
SPEC = ModelSpec(
    name="hidden",
    architecture="tiny_vit_hidden",
    calibration=Calibration(),
    thresholds=Thresholds((OperatingPoint(0.01, 0.9),), 0.01, 0.1),
    input_size=(SIDE, SIDE),
)
SHORT = (
    "--arch", "tiny_vit_hidden", "--init", "random", "--image-size", str(SIDE), "--epochs", "0",
    "--recipe", "originals", "--device", "cpu",
)  # fmt: skip


@register_model
def tiny_vit_hidden(pretrained=False, num_classes=2, **options):
    size = {"img_size": SIDE, "patch_size": 16, "embed_dim": WIDTH, "num_heads": 3}
    return StageViT((0, 1), num_classes, UNITS, **size)


def _network():
    torch.manual_seed(0)
    return Classifier("tiny_vit_hidden").eval()


def _middle(count=600):
    """Points along a line, of which one class lies in the middle."""
    rng = np.random.default_rng(0)
    place = rng.normal(size=(count, 1))
    features = 3.0 + place + rng.normal(scale=0.5, size=(count, 6 * WIDTH))
    return features.astype(np.float32), (np.abs(place[:, 0]) > 0.67).astype(int)


def _fit(features, targets, weights=None):
    chances = np.ones(len(features)) if weights is None else weights
    return fit_hidden_layer(features, targets, chances, UNITS, EXACT)


def test_it_tells_apart_what_no_line_does():
    features, targets = _middle()
    margins = _fit(features, targets).decision_function(features)
    assert ((margins > 0) == (targets == LABELS.index("ai"))).mean() > 0.8


def test_equal_arguments_give_equal_layers_and_leave_random_numbers_alone():
    features, targets = _middle(100)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = _fit(features, targets).decision_function(features)
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(_fit(features, targets).decision_function(features), first)


def test_rows_without_weight_are_not_learned():
    features, targets = _middle(200)
    weights = np.repeat([1.0, 0.0], 100)
    changed = features.copy()
    # The mean and the deviation stay.
    changed[100:] = features[100:][::-1]
    np.testing.assert_allclose(
        _fit(changed, targets, weights).decision_function(features),
        _fit(features, targets, weights).decision_function(features),
        atol=1e-3,
    )


def test_a_network_answers_as_its_fit():
    network, (features, targets) = _network(), _middle(100)
    fitted = _fit(features, targets)
    fitted.write(network)
    with torch.inference_mode():
        logits = network.backbone.forward_head(torch.from_numpy(features)).numpy()
    margins = logits[:, LABELS.index("ai")] - logits[:, LABELS.index("real")]
    np.testing.assert_allclose(margins, fitted.decision_function(features), atol=1e-4)
    np.testing.assert_allclose(logits.sum(axis=1), 0.0, atol=1e-4)


def test_units_are_those_of_the_network():
    assert hidden_units(_network()) == UNITS
    assert hidden_units(Classifier("resnet18_stages")) == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_its_graph_answers_as_it_does_and_each_picture_alone(threads):
    network = _network()
    for parameter in network.parameters():
        # timm's starting weights are so small that all pictures look alike.
        torch.nn.init.normal_(parameter, std=0.1)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (5, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    graph = export_graph(network, SPEC).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    together = session.run(["logits"], {"images": images.numpy()})[0]
    alone = [session.run(["logits"], {"images": image[None].numpy()})[0] for image in images]
    np.testing.assert_array_equal(np.concatenate(alone), together)
    with torch.inference_mode():
        np.testing.assert_allclose(together, network(images).numpy(), atol=1e-4)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures_of_many_sources(tmp_path_factory.mktemp("pictures"))


def test_a_training_on_all_sources_fits_it(pictures, tmp_path):
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", *SHORT, "--held-out")
    assert done.returncode == 0, done.stderr
    network, spec = load_checkpoint(tmp_path / "run" / "weights.safetensors")
    assert spec.architecture == "tiny_vit_hidden"
    assert network.backbone.get_classifier()[0].out_features == UNITS
    rows = rows_of(tmp_path / "run" / "held-out.csv")
    p_ai = {row["file"]: float(row["p_ai"]) for row in rows}
    assert len(set(p_ai.values())) > len(p_ai) / 2


def test_the_last_layer_alone_can_be_fitted_on_one_split(pictures, tmp_path):
    done = trustthepixels("train", pictures, "--out", tmp_path / "run", *SHORT)
    assert done.returncode == 0, done.stderr
    network, _ = load_checkpoint(tmp_path / "run" / "weights.safetensors")
    assert hidden_units(network) == UNITS


def test_options_that_fit_a_regression_are_refused(pictures, tmp_path):
    teacher = tmp_path / "teacher.safetensors"
    save_weights(teacher, _network(), SPEC)
    for option, value in (("--teacher", teacher), ("--inverse-penalty", "0.1")):
        done = trustthepixels("train", pictures, "--out", tmp_path / "run", *SHORT, option, value)
        assert done.returncode == 2
        assert f"tiny_vit_hidden has a hidden layer, which {option} does not fit" in done.stderr
        assert not (tmp_path / "run").exists()


def test_a_linear_layers_weights_start_all_but_the_hidden_one():
    network = _network()
    state = network.backbone.state_dict()
    linear = {name: value for name, value in state.items() if not name.startswith("fc.")}
    linear |= {"fc.weight": torch.ones(2, 6 * WIDTH), "fc.bias": torch.ones(2)}
    load_or_grow(network.backbone, linear)
    assert all(torch.equal(network.backbone.state_dict()[name], state[name]) for name in state)
