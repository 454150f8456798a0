"""A tiny but complete model in our file format, and every way to break one.

It calls bright pictures AI-generated and dark ones photographs. Sums are taken over integers, so
its answers are equal to the last bit for any batch size and any number of threads.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from trustthepixels.infer.images.shape import View
from trustthepixels.infer.model.onnx_bytes import metadata_and_digest
from trustthepixels.infer.model.spec import (
    IMAGENET_MEAN,
    METADATA_DIGEST_KEY,
    METADATA_KEY,
    Calibration,
    ModelSpec,
)
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds

SPEC = ModelSpec(
    name="tiny",
    architecture="brightness",
    calibration=Calibration(temperature=1.5, bias=0.25),
    thresholds=Thresholds(
        ai=(OperatingPoint(0.01, 0.8), OperatingPoint(0.05, 0.6)),
        default_false_positive_rate=0.01,
        real=0.4,
    ),
    data_fingerprint="0" * 64,
    evaluation={"balanced_accuracy": 0.5},
    versions={"trustthepixels": "0"},
)

GAIN = 6.0
"""Growth of the difference of the logits with the mean of the normalised pixels."""


@dataclass(frozen=True)
class Graph:
    """Parts of the graph; the defaults are right, any other value is a defect."""

    input_name: str = "images"
    input_type: int = TensorProto.UINT8
    input_channels: int = 3
    batch: str | int = "batch"
    logits_name: str = "logits"
    classes: int = 2
    p_ai_name: str = "p_ai"
    p_ai_type: int = TensorProto.FLOAT
    gain: float = GAIN
    mean: tuple[float, ...] = IMAGENET_MEAN


def write_tiny_model(
    path: Path, graph: Graph = Graph(), spec: ModelSpec = SPEC, **spec_changes: Any
) -> Path:
    """Write a model file.

    Args:
        path: where to.
        graph: a defect in the graph, which the file's digest covers like a sound one.
        spec: the specification.
        spec_changes: raw JSON values that replace those of the specification, so that values
            which ``ModelSpec`` refuses can be written too.
    """
    model = build_graph(graph, spec)
    _, digest = metadata_and_digest(model.SerializeToString())
    values = json.loads(replace(spec, graph_digest=digest).to_json()) | spec_changes
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return write_with_metadata(path, model, spec_metadata(text))


def spec_metadata(text: str) -> dict[str, str]:
    """The metadata of a model with this specification."""
    return {METADATA_KEY: text, METADATA_DIGEST_KEY: hashlib.sha256(text.encode()).hexdigest()}


def write_with_metadata(path: Path, model: onnx.ModelProto, metadata: Mapping[str, str]) -> Path:
    """Write a model with any metadata at all."""
    helper.set_model_props(model, dict(metadata))
    path.write_bytes(model.SerializeToString())
    return path


def flip_bit(path: Path, position: int, bit: int = 0) -> Path:
    """Damage one bit of a file; a negative position counts from the end."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)
    return path


def expected_p_ai(images: np.ndarray, spec: ModelSpec = SPEC) -> np.ndarray:
    """Return the model's answer by NumPy: float64 (batch,) for uint8 (batch, *axes)."""
    means = images.reshape(len(images), -1, 3).mean(axis=1) / 255.0
    normalised = (means - np.array(spec.mean)) / np.array(spec.std)
    difference = GAIN * normalised.mean(axis=1)
    calibrated = difference / spec.calibration.temperature + spec.calibration.bias
    return 1.0 / (1.0 + np.exp(-calibrated))


def build_graph(graph: Graph = Graph(), spec: ModelSpec = SPEC) -> onnx.ModelProto:
    """The ONNX graph, without metadata."""
    *sides, _ = spec.input_shape.axes
    weights = np.zeros((3, graph.classes), np.float32)
    weights[:, -1] = graph.gain / 6.0
    weights[:, 0] = -graph.gain / 6.0
    constants = {
        "axes": np.arange(1, len(sides) + 1),
        "scale": np.float32(1.0 / (255.0 * math.prod(sides))),
        "mean": np.array(graph.mean, np.float32),
        "std": np.array(spec.std, np.float32),
        "weights": weights,
        "real": np.array([0], np.int64),
        "ai": np.array([graph.classes - 1], np.int64),
        "last": np.array([1], np.int64),
        "temperature": np.float32(spec.calibration.temperature),
        "bias": np.float32(spec.calibration.bias),
    }
    node = helper.make_node
    nodes = [
        node("Cast", [graph.input_name], ["integers"], to=TensorProto.INT32),
        node("ReduceSum", ["integers", "axes"], ["sums"], keepdims=0),
        node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
        node("Mul", ["floats", "scale"], ["means"]),
        node("Sub", ["means", "mean"], ["centred"]),
        node("Div", ["centred", "std"], ["normalised"]),
        node("Gemm", ["normalised", "weights"], [graph.logits_name]),
        node("Gather", [graph.logits_name, "real"], ["logit_real"], axis=1),
        node("Gather", [graph.logits_name, "ai"], ["logit_ai"], axis=1),
        node("Sub", ["logit_ai", "logit_real"], ["difference"]),
        node("Div", ["difference", "temperature"], ["scaled"]),
        node("Add", ["scaled", "bias"], ["calibrated"]),
        node("Squeeze", ["calibrated", "last"], ["flat"]),
        node("Sigmoid", ["flat"], ["sigmoid"]),
        node("Cast", ["sigmoid"], [graph.p_ai_name], to=graph.p_ai_type),
    ]
    value = helper.make_tensor_value_info
    images = [graph.batch, *sides, graph.input_channels]
    proto = helper.make_graph(
        nodes,
        "tiny",
        [value(graph.input_name, graph.input_type, images)],
        [
            value(graph.logits_name, TensorProto.FLOAT, [graph.batch, graph.classes]),
            value(graph.p_ai_name, graph.p_ai_type, [graph.batch]),
        ],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tiny"
    )


NAN_WEIGHTS = Graph(gain=math.nan)
WRONG_DTYPE = Graph(input_type=TensorProto.FLOAT)
FROZEN_BATCH = Graph(batch=1)
WRONG_INPUT_NAME = Graph(input_name="pixel_values")
NO_P_AI = Graph(p_ai_name="probability")
THREE_CLASSES = Graph(classes=3)
HALF_PRECISION_OUTPUT = Graph(p_ai_type=TensorProto.FLOAT16)


def with_input_size(height: int, width: int) -> ModelSpec:
    """The tiny model's specification for another input size."""
    return replace(SPEC, input_size=(height, width))


def with_both_views(height: int, width: int) -> ModelSpec:
    """The tiny model's specification for the whole and a part."""
    return replace(with_input_size(height, width), views=(View.WHOLE, View.PART))
