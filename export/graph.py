"""Export of a trained network as an ONNX graph in float32: pixels in, logits and ``p_ai`` out."""

import copy
import warnings
from typing import Any

import onnx
import onnx_ir as ir
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from torch import Tensor, nn

from trustthepixels.infer.model.session import INPUT_NAME, LOGITS_NAME, P_AI_NAME
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.results import LABELS
from trustthepixels.train.networks.network import Classifier

OPSET = 18
"""Version that PyTorch's exporter writes natively, without conversion.

ONNX Runtime since 1.14 and OpenVINO read it, and it has all that int8 (QDQ, per
channel) and fp16 need.
"""

PRODUCER = "trustthepixels"


def export_graph(network: Classifier, spec: ModelSpec) -> onnx.ModelProto:
    """Return the graph of the contract, without metadata: equal weights make equal graphs.

    Input ``images``, uint8 (batch, *input_shape.axes); outputs ``logits``, float32 (batch, 2), and
    ``p_ai``, float32 (batch,). Normalisation and calibration are inside, batch norm is folded
    into the convolutions, and the batch axis is dynamic.

    Args:
        network: network in evaluation mode, float32, on the CPU.
        spec: specification with the input size and the calibration.
    """
    # Two rows: PyTorch takes a size of 1 for a constant.
    example = torch.zeros(2, *spec.input_shape.axes, dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        # Users cannot act on deprecations inside the exporter.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _CalibratedNetwork(network, spec.calibration).eval(),
            (example,),
            dynamo=True,
            input_names=[INPUT_NAME],
            output_names=[LOGITS_NAME, P_AI_NAME],
            # With a named Dim the exporter fails instead of freezing the axis.
            dynamic_shapes={INPUT_NAME: {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    return tidy(program.model)


def tidy(model: ir.Model) -> onnx.ModelProto:
    """Return a model in topological order, without paths and values that differ between runs."""
    ClearMetadataAndDocStringPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
    model.graph.sort()
    model.producer_name, model.producer_version = PRODUCER, None
    proto = ir.to_proto(model)
    # ONNX Runtime derives the shapes between nodes again.
    del proto.graph.value_info[:]
    return proto


class _CalibratedNetwork(nn.Module):
    """A classifier with its calibration, and a head that is independent of the batch size."""

    def __init__(self, network: Classifier, calibration: Calibration) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.calibration = calibration
        # Any, because nn.Module does not declare timm's methods.
        backbone: Any = self.network.backbone
        layers = set(backbone.get_classifier().modules())
        for name, module in list(backbone.named_modules()):
            if module in layers and isinstance(module, nn.Linear):
                backbone.set_submodule(name, _RowLinear(module))
            elif isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
                backbone.set_submodule(name, _MeanPool())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of shape (batch, 2) and ``p_ai`` of shape (batch,)."""
        logits = self.network(images)
        margin = logits[:, LABELS.index("ai")] - logits[:, LABELS.index("real")]
        scores = margin / self.calibration.temperature + self.calibration.bias
        return logits, torch.sigmoid(scores)


class _RowLinear(nn.Module):
    """A linear layer as products and a sum along each row.

    Matrix products choose the order of their sums by the number of rows and threads. A picture's
    last bits could then depend on the other pictures of its batch.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = linear.weight
        # Each product takes its share of the bias: OpenVINO (2026.4) adds a bias that comes after
        # the sum by the row of the batch.
        self.share = nn.Parameter((linear.bias / linear.in_features).unsqueeze(1))

    def forward(self, features: Tensor) -> Tensor:
        return (features.unsqueeze(1) * self.weight + self.share).sum(dim=-1)


class _MeanPool(nn.Module):
    """Global average pooling as a plain mean; the exporter turns timm's module into index
    arithmetic."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3), keepdim=True)
