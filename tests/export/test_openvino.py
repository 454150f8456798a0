"""OpenVINO judges a batch of an exported model as it judges each picture alone."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exporting import SIDE, SPEC

from trustthepixels.export.graph import export_graph
from trustthepixels.export.request import Precision
from trustthepixels.export.write import model_bytes
from trustthepixels.infer.choices import Device
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.session import Session, open_session
from trustthepixels.train.networks.network import Classifier

has_openvino = "OpenVINOExecutionProvider" in onnxruntime.get_available_providers()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported network whose last layer has a large bias, so that a bias at fault shows."""
    torch.manual_seed(0)
    network = Classifier(SPEC.architecture).eval()
    with torch.no_grad():
        network.backbone.get_classifier().bias.copy_(torch.tensor([-0.7, 1.3]))
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(model_bytes(export_graph(network, SPEC), SPEC, Precision.FP32))
    return path


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (7, SIDE, SIDE, 3), dtype=np.uint8)


def logits(session: Session, pictures: np.ndarray) -> np.ndarray:
    return np.asarray(session.logits(pictures))


@pytest.mark.skipif(not has_openvino, reason="needs onnxruntime-openvino")
def test_a_batch_answers_as_its_pictures_alone(model: Path, pictures: np.ndarray) -> None:
    session = open_session(read_model_file(model), Device.OPENVINO, threads=1)
    alone = np.concatenate([logits(session, picture[np.newaxis]) for picture in pictures])

    np.testing.assert_allclose(logits(session, pictures), alone, atol=1e-3)
    on_cpu = open_session(read_model_file(model), Device.CPU, threads=1)
    np.testing.assert_allclose(alone, logits(on_cpu, pictures), atol=1e-2)


def test_no_bias_follows_the_sum_of_the_last_layer(model: Path) -> None:
    """``ReduceSum`` then ``Add`` is what OpenVINO 2026.4 computes wrongly for more than one row."""
    nodes = onnx.load(model).graph.node
    summed = {name for node in nodes if node.op_type == "ReduceSum" for name in node.output}
    assert summed
    assert not any(node.op_type == "Add" and summed & set(node.input) for node in nodes)
