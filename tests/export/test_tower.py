"""CLIP's image tower out of an ONNX file: every tensor arrives under timm's name."""

import numpy as np
import onnx
import pytest
import torch
from in_process import trustthepixels
from onnx import helper, numpy_helper
from safetensors.numpy import load_file

from trustthepixels.export.graph import export_graph
from trustthepixels.export.request import Precision
from trustthepixels.export.write import model_bytes
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.train.networks.network import Classifier

WIDTH, BLOCKS = 8, 2
RANDOM = np.random.default_rng(5)


def _matrix(rows, columns):
    return RANDOM.integers(-127, 128, (rows, columns)).astype(np.int8)


def _written(path, leave_out="", zero_point=None):
    """Write initializers and products as Hugging Face's exporter and a dynamic quantizer do."""
    values, nodes, expected = {}, [], {}

    def constant(name, *shape):
        values[f"vision_model.{name}"] = RANDOM.normal(size=shape).astype(np.float32)
        return values[f"vision_model.{name}"]

    def product(module, rows, columns):
        number = f"onnx::MatMul_{len(nodes)}"
        values[f"{number}_quantized"] = _matrix(rows, columns)
        values[f"{number}_scale"] = RANDOM.uniform(0.01, 0.02, columns).astype(np.float32)
        name = f"/vision_model/{module.replace('.', '/')}/MatMul_quant"
        inputs = ["x", f"{number}_quantized"]
        shift = 0
        if zero_point is not None:
            shift = zero_point
            values[f"{number}_quantized"] = (
                values[f"{number}_quantized"].astype(np.int16) + 128
            ).astype(np.uint8)
            values[f"{number}_zero_point"] = np.array(zero_point, np.uint8)
            inputs += ["", f"{number}_zero_point"]
        nodes.append(helper.make_node("MatMulInteger", inputs, [f"y{len(nodes)}"], name=name))
        shifted = values[f"{number}_quantized"].astype(np.float32) - shift
        return (shifted * values[f"{number}_scale"]).T

    expected["patch_embed.proj.weight"] = constant(
        "embeddings.patch_embedding.weight", WIDTH, 3, 4, 4
    )
    expected["cls_token"] = constant("embeddings.class_embedding", WIDTH)[None, None]
    expected["pos_embed"] = constant("embeddings.position_embedding.weight", 5, WIDTH)[None]
    for kind in ("weight", "bias"):
        expected[f"norm_pre.{kind}"] = constant(f"pre_layrnorm.{kind}", WIDTH)
    for block in range(BLOCKS):
        theirs, ours = f"encoder.layers.{block}", f"blocks.{block}"
        for kind in ("weight", "bias"):
            expected[f"{ours}.norm1.{kind}"] = constant(f"{theirs}.layer_norm1.{kind}", WIDTH)
            expected[f"{ours}.norm2.{kind}"] = constant(f"{theirs}.layer_norm2.{kind}", WIDTH)
        parts = [product(f"{theirs}.self_attn.{one}_proj", WIDTH, WIDTH) for one in "qkv"]
        expected[f"{ours}.attn.qkv.weight"] = np.concatenate(parts)
        biases = [constant(f"{theirs}.self_attn.{one}_proj.bias", WIDTH) for one in "qkv"]
        expected[f"{ours}.attn.qkv.bias"] = np.concatenate(biases)
        for their_name, our_name, rows, columns in (
            ("self_attn.out_proj", "attn.proj", WIDTH, WIDTH),
            ("mlp.fc1", "mlp.fc1", WIDTH, 4 * WIDTH),
            ("mlp.fc2", "mlp.fc2", 4 * WIDTH, WIDTH),
        ):
            expected[f"{ours}.{our_name}.weight"] = product(f"{theirs}.{their_name}", rows, columns)
            expected[f"{ours}.{our_name}.bias"] = constant(f"{theirs}.{their_name}.bias", columns)
    tensors = [numpy_helper.from_array(v, k) for k, v in values.items() if k != leave_out]
    onnx.save(helper.make_model(helper.make_graph(nodes, "tower", [], [], tensors)), path)
    return expected


@pytest.mark.parametrize("zero_point", [None, 128, 100])
def test_every_tensor_arrives_under_timms_name(tmp_path, zero_point):
    expected = _written(tmp_path / "clip.onnx", zero_point=zero_point)
    target = tmp_path / "tower.safetensors"
    outcome = trustthepixels("import-tower", tmp_path / "clip.onnx", "--out", target)
    assert outcome.returncode == 0, outcome.stderr
    assert "2 blocks" in outcome.stdout
    written = load_file(target)
    assert written.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(written[name], value, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["no tower", "no int8", "no file", "no ONNX"])
def test_a_file_without_a_tower_is_one_line(kind, tmp_path):
    source, target = tmp_path / "clip.onnx", tmp_path / "tower.safetensors"
    if kind == "no tower":
        _written(source, leave_out="vision_model.pre_layrnorm.bias")
    elif kind == "no int8":
        _written(source)
        model = onnx.load(source)
        del model.graph.node[:]
        onnx.save(model, source)
    elif kind == "no ONNX":
        source.write_bytes(b"no protobuf at all")
    outcome = trustthepixels("import-tower", source, "--out", target)
    assert outcome.returncode == 2
    assert len(outcome.stderr.splitlines()) == 1
    assert str(source) in outcome.stderr
    assert not target.exists()


def test_a_model_without_int8_products_is_one_line(tmp_path):
    source, target = tmp_path / "model.onnx", tmp_path / "weights.safetensors"
    torch.manual_seed(0)
    spec = ModelSpec(
        name="small",
        architecture="resnet18",
        calibration=Calibration(),
        thresholds=Thresholds((OperatingPoint(0.01, 0.9),), 0.01, 0.1),
        input_size=(32, 32),
    )
    graph = export_graph(Classifier("resnet18").eval(), spec)
    source.write_bytes(model_bytes(graph, spec, Precision.FP32))
    outcome = trustthepixels("import-tower", source, "--out", target)
    assert outcome.returncode == 2
    assert "small has no int8 products of a transformer" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert not target.exists()
