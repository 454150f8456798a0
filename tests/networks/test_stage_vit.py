"""A transformer whose last layer sees every block: what it gets, how it is fitted and exported."""

from collections import Counter
from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from labelled_pictures import write_labelled_pictures
from timm.models import register_model

from trustthepixels.export.graph import export_graph
from trustthepixels.export.int8.quantize import to_int8
from trustthepixels.export.int8.rows import (
    PRODUCT,
    RAISED_PRODUCT,
    has_tokens,
    quantize_rows,
)
from trustthepixels.export.int8.smoothing import smooth
from trustthepixels.export.request import RangeMethod
from trustthepixels.infer.model.products import INTEGER_DOMAIN, with_float_products
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.train.data.manifest import load_samples, targets_of
from trustthepixels.train.fitting.last_layer import fit_last_layer
from trustthepixels.train.fitting.recipes import REFERENCE
from trustthepixels.train.networks.grow import load_or_grow
from trustthepixels.train.networks.hardware import Arithmetic
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.stage_vit import StageViT
from trustthepixels.train.networks.weights import load_checkpoint, save_weights
from trustthepixels.train.pictures.load import load_pixels

SIDE, WIDTH, SEEN = 64, 48, (0, 2)
EXACT = Arithmetic("cpu", "32-true")
SPEC = ModelSpec(
    name="blocks",
    architecture="tiny_vit_stages",
    calibration=Calibration(),
    thresholds=Thresholds((OperatingPoint(0.01, 0.9),), 0.01, 0.1),
    input_size=(SIDE, SIDE),
)


@register_model
def tiny_vit_stages(pretrained=False, num_classes=2, **options):
    size = {"img_size": SIDE, "patch_size": 16, "embed_dim": WIDTH, "num_heads": 3}
    return StageViT(SEEN, num_classes, **size)


def _network():
    torch.manual_seed(0)
    network = Classifier("tiny_vit_stages").eval()
    for parameter in network.parameters():
        # timm's starting weights are so small that all pictures look alike.
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def _images(count=5):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)


def _answers(model, images, threads=1):
    """Return logits and ``p_ai``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"images": images.numpy()})


@torch.inference_mode()
def test_the_last_layer_gets_class_token_mean_and_deviation_of_the_seen_blocks():
    network, tokens = _network(), []
    for index in SEEN:
        block = network.backbone.blocks[index]
        block.register_forward_hook(lambda _module, _inputs, output: tokens.append(output.numpy()))
    features = network.backbone.forward_features(*network.normalised(_images())).numpy()
    wanted = [
        part
        for one in tokens
        for part in (one[:, 0], one[:, 1:].mean(axis=1), np.sqrt(one[:, 1:].var(axis=1) + 1e-6))
    ]
    assert features.shape == (5, 3 * WIDTH * len(SEEN))
    np.testing.assert_allclose(features, np.concatenate(wanted, axis=1), rtol=1e-4, atol=1e-5)


def test_blocks_after_the_last_seen_one_are_left_out():
    assert len(_network().backbone.blocks) == max(SEEN) + 1


def test_clips_own_normalisation_is_used():
    mean, std = Classifier("clip_vit_b16_stages").mean, Classifier("clip_vit_b16_stages").std
    assert mean == (0.48145466, 0.4578275, 0.40821073)
    assert std == (0.26862954, 0.26130258, 0.27577711)


def test_weights_survive_their_file(tmp_path):
    network = _network()
    save_weights(tmp_path / "weights.safetensors", network, SPEC)
    again, spec = load_checkpoint(tmp_path / "weights.safetensors")
    assert spec == SPEC
    with torch.inference_mode():
        assert torch.allclose(again(_images()), network(_images()), atol=0.05)


def test_a_last_layer_that_is_fitted_tells_the_classes_apart(tmp_path):
    folder = write_labelled_pictures(tmp_path / "pictures", per_picture=4)
    samples, network = load_samples(folder), _network()
    fit_last_layer(network, samples, REFERENCE.augmentation, SPEC.input_shape, EXACT)
    with torch.inference_mode():
        pixels = np.stack([load_pixels(one.path, SPEC.input_shape) for one in samples])
        answers = network.eval()(torch.from_numpy(pixels)).argmax(dim=1).numpy()
    assert (answers == targets_of(samples)).mean() > 0.65


@pytest.fixture(scope="module")
def exact():
    return export_graph(_network(), SPEC)


@pytest.fixture(scope="module")
def rounded(exact):
    return quantize_rows(exact)


def test_the_exported_graph_answers_as_the_network_does(exact):
    with torch.inference_mode():
        logits = _network()(_images())
    wanted = torch.sigmoid(logits[:, 0] - logits[:, 1]).numpy()
    given = _answers(exact, _images())[1]
    assert min(np.abs(given - wanted).max(), np.abs(given - 1 + wanted).max()) < 1e-5


@pytest.mark.parametrize("graph", ["exact", "rounded"])
@pytest.mark.parametrize("threads", [1, 2])
def test_no_bit_of_an_answer_depends_on_batch_or_threads(graph, threads, request):
    model = request.getfixturevalue(graph)
    together = _answers(model, _images())[0]
    alone = np.concatenate([_answers(model, image[None], threads)[0] for image in _images()])
    np.testing.assert_array_equal(together, alone)


def test_int8_makes_the_file_smaller_and_nearly_keeps_the_answers(exact, rounded):
    onnx.checker.check_model(rounded)
    assert rounded.ByteSize() < 0.6 * exact.ByteSize()
    difference = np.abs(_answers(rounded, _images())[1] - _answers(exact, _images())[1])
    assert difference.max() < 0.02


def test_no_two_neighbouring_weights_can_saturate_an_older_processor(rounded):
    codes = [
        onnx.numpy_helper.to_array(value).astype(int)
        for value in rounded.graph.initializer
        if value.data_type == onnx.TensorProto.INT8
    ]
    assert len(codes) == 4 * (max(SEEN) + 1)
    for matrix in codes:
        for sign in (1, -1):
            same = np.maximum(sign * matrix, 0)
            assert (same[0::2] + same[1::2]).max() <= 128


class _Batches(list):
    """Two batches of pictures, as a calibration reads them."""


@pytest.fixture(scope="module")
def batches():
    return _Batches([_images(3).numpy(), _images(8).numpy()[3:]])


def test_smoothing_changes_no_answer(exact, batches):
    np.testing.assert_allclose(
        _answers(smooth(exact, batches), _images())[0], _answers(exact, _images())[0], atol=1e-4
    )


def test_smoothing_brings_int8_nearer_if_a_few_channels_are_large(batches):
    network = _network()
    with torch.no_grad():
        for block in network.backbone.blocks:
            for norm, product in ((block.norm1, block.attn.qkv), (block.norm2, block.mlp.fc1)):
                norm.weight[:3] *= 100.0
                norm.bias[:3] *= 100.0
                product.weight[:, :3] /= 100.0
    model = export_graph(network, SPEC)
    wanted = _answers(model, _images())[0]

    def error(graph):
        return np.abs(_answers(quantize_rows(graph), _images())[0] - wanted).mean()

    assert error(smooth(model, batches)) < 0.7 * error(model)


def test_int8_export_takes_this_way_for_transformers(exact, tmp_path):
    folder = write_labelled_pictures(tmp_path / "pictures", per_picture=1)
    paths = [sample.path for sample in load_samples(folder)]
    load = partial(load_pixels, shape=SPEC.input_shape)
    model = to_int8(exact, paths, load, RangeMethod.LEAST_SQUARES)
    assert has_tokens(exact)
    kinds = Counter(node.op_type for node in model.graph.node if node.domain == INTEGER_DOMAIN)
    assert kinds == {PRODUCT: 9, RAISED_PRODUCT: 3}


def test_devices_without_integer_products_get_floating_point_ones(exact, rounded):
    content = rounded.SerializeToString()
    changed = onnx.load_model_from_string(with_float_products(content))
    onnx.checker.check_model(changed)
    bodies = [one for one in changed.functions if one.domain == INTEGER_DOMAIN]
    assert {one.name for one in bodies} == {PRODUCT, RAISED_PRODUCT}
    for body in bodies:
        assert "MatMulInteger" not in {node.op_type for node in body.node}
    difference = np.abs(_answers(changed, _images())[1] - _answers(exact, _images())[1])
    # The weights are rounded, the tokens are not.
    assert 0.0 < difference.max() < 0.02
    assert with_float_products(exact.SerializeToString()) == exact.SerializeToString()


def test_a_smaller_states_tensors_fit_all_but_the_last_layer():
    network = _network()
    state = {k: v for k, v in _network().backbone.state_dict().items() if not k.startswith("fc.")}
    load_or_grow(network.backbone, state)
    assert torch.equal(
        network.backbone.blocks[0].attn.qkv.weight, state["blocks.0.attn.qkv.weight"]
    )
