"""Models that run: the bundled ones, their weights in float32 for the peers, and a null model."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from trustthepixels.export.request import Precision
from trustthepixels.export.write import model_bytes
from trustthepixels.infer.errors import ModelError
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.model.bundled import bundled_models, load_model
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.self_test import known_picture
from trustthepixels.infer.model.session import INPUT_NAME, LOGITS_NAME, P_AI_NAME
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds

from ..settings import Settings

EDGE = "edge"
NULL_SIZE = (8, 8)


def has_edge_model() -> bool:
    """Return whether the edge model is bundled."""
    return EDGE in bundled_models()


def default_weights(work: Path) -> Path:
    """Return the path of the default model's weights, taken from its file.

    Args:
        work: folder for inputs and models.
    """
    # PyTorch takes seconds to import, and most parts do not need it.
    from trustthepixels.export.tower import import_tower

    model, weights = work / "default.onnx", work / "default.safetensors"
    model.write_bytes(load_model().content)
    import_tower(model, weights)
    return weights


def default_precision() -> str:
    """Return the precision of the bundled model: ``int8``, ``fp16`` or ``fp32``."""
    return load_model().spec.precision


def float32_path(settings: Settings) -> Path:
    """Return the path of ``float32_model``; its name depends on weights and calibration."""
    bundled = load_model().spec
    calibrated = repr((bundled.calibration, bundled.thresholds))
    return settings.work / f"fp32-{_short_digest(settings.weights, calibrated)}.onnx"


def float32_model(settings: Settings) -> Path:
    """Return the path of the peers' weights as an ONNX file in float32.

    The checks of ``trustthepixels export`` do not run; the answers are compared with the peers'.
    """
    path = float32_path(settings)
    if not _can_be_read(path):
        # PyTorch takes seconds to import, and most parts do not need it.
        from trustthepixels.export.graph import export_graph
        from trustthepixels.train.networks.weights import load_checkpoint

        network, spec = load_checkpoint(settings.weights)
        # With the bundled model's calibration, its answers can be compared.
        bundled = load_model().spec
        spec = replace(spec, calibration=bundled.calibration, thresholds=bundled.thresholds)
        path.write_bytes(model_bytes(export_graph(network, spec), spec, Precision.FP32))
    return path


def transformers_model(settings: Settings) -> Path:
    """Return a folder with the peers' weights, which Hugging Face's ``pipeline`` loads."""
    folder = settings.work / f"transformers-{_short_digest(settings.weights)}"
    if not (folder / "model.safetensors").exists():
        import transformers

        from trustthepixels.train.networks.weights import load_checkpoint

        peer: Any = transformers
        network, spec = load_checkpoint(settings.weights)
        config = peer.TimmWrapperConfig(
            architecture=spec.architecture,
            num_labels=len(spec.labels),
            id2label=dict(enumerate(spec.labels)),
            label2id={label: index for index, label in enumerate(spec.labels)},
            pretrained_cfg={
                "input_size": [3, *spec.input_size],
                "interpolation": "bilinear",
                "crop_mode": "squash",
                "crop_pct": 1.0,
                "mean": list(spec.mean),
                "std": list(spec.std),
                "num_classes": len(spec.labels),
            },
        )
        model = peer.TimmWrapperForImageClassification(config)
        model.timm_model.load_state_dict(network.backbone.state_dict())
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
    return folder


def null_model(settings: Settings) -> Path:
    """Return the path of a model that costs nothing: it reads one value of 8×8 pixels."""
    path = settings.work / "null.onnx"
    settings.work.mkdir(parents=True, exist_ok=True)
    corner = float(known_picture(InputShape(*NULL_SIZE))[0, 0, 0]) / 255.0
    spec = ModelSpec(
        name="null",
        architecture="none",
        calibration=Calibration(),
        thresholds=Thresholds((OperatingPoint(0.01, 0.9),), 0.01, 0.1),
        input_size=NULL_SIZE,
        known_answer=corner,
    )
    path.write_bytes(model_bytes(_null_graph(), spec, Precision.FP32))
    return path


def _null_graph() -> onnx.ModelProto:
    """Return a graph whose ``p_ai`` is the first value over 255; its logits are 0 and ``p_ai``."""
    constants = {
        "first": np.array([0], np.int64),
        "scale": np.float32(255.0),
        "axes": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Flatten", [INPUT_NAME], ["flat"], axis=1),
        helper.make_node("Gather", ["flat", "first"], ["byte"], axis=1),
        helper.make_node("Cast", ["byte"], ["value"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["value", "scale"], ["share"]),
        helper.make_node("Squeeze", ["share", "axes"], [P_AI_NAME]),
        helper.make_node("Sub", ["share", "share"], ["zero"]),
        helper.make_node("Concat", ["zero", "share"], [LOGITS_NAME], axis=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "null",
        [value(INPUT_NAME, TensorProto.UINT8, ["batch", *NULL_SIZE, 3])],
        [
            value(LOGITS_NAME, TensorProto.FLOAT, ["batch", 2]),
            value(P_AI_NAME, TensorProto.FLOAT, ["batch"]),
        ],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def _can_be_read(path: Path) -> bool:
    """Return whether a model file exists, with a specification that this version reads."""
    try:
        read_model_file(path)
    except ModelError:
        return False
    return True


def _short_digest(path: Path, text: str = "") -> str:
    """Return a short digest of a file's content and of a text."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(text.encode())
    return digest.hexdigest()[:12]
