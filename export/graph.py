"""A trained network → its ONNX graph in float32: pixels in, logits and ``p_ai`` out."""

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
"""The version that PyTorch's exporter writes natively, so that nothing is converted after it.

ONNX Runtime since 1.14 and OpenVINO read it, and it has all that int8 (QDQ, per
channel) and fp16 need.
"""

PRODUCER = "trustthepixels"


def export_graph(network: Classifier, spec: ModelSpec) -> onnx.ModelProto:
    """The graph of the contract, without metadata: the same weights give the same graph.

    Input ``images``, uint8 (batch, height, width, 3); outputs ``logits``, float32 (batch, 2), and
    ``p_ai``, float32 (batch,). Normalisation and calibration are inside, batch norm is folded
    into the convolutions, and the batch axis is dynamic.

    Args:
        network: in evaluation mode, float32, on the CPU.
        spec: gives the input size and the calibration.
    """
    height, width = spec.input_size
    # Two rows, because PyTorch takes a size of 1 for a constant.
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        # What the exporter deprecates inside itself is nothing that its users can mend.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _CalibratedNetwork(network, spec.calibration).eval(),
            (example,),
            dynamo=True,
            input_names=[INPUT_NAME],
            output_names=[LOGITS_NAME, P_AI_NAME],
            # A named Dim makes the exporter fail where it would otherwise freeze the axis.
            dynamic_shapes={INPUT_NAME: {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    return tidy(program.model)


def tidy(model: ir.Model) -> onnx.ModelProto:
    """A model in topological order without what differs from run to run or names our paths."""
    ClearMetadataAndDocStringPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
    model.graph.sort()
    model.producer_name, model.producer_version = PRODUCER, None
    proto = ir.to_proto(model)
    # Shapes between nodes are derived again by whoever loads the file.
    del proto.graph.value_info[:]
    return proto


class _CalibratedNetwork(nn.Module):
    """A classifier with its calibration, its head in a form that no batch size can change."""

    def __init__(self, network: Classifier, calibration: Calibration) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.calibration = calibration
        # Any, because nn.Module does not declare timm's methods.
        backbone: Any = self.network.backbone
        classifier = backbone.get_classifier()
        for name, module in list(backbone.named_modules()):
            if module is classifier:
                backbone.set_submodule(name, _RowLinear(module))
            elif isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
                backbone.set_submodule(name, _MeanPool())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of shape (batch, 2) and ``p_ai`` of shape (batch,)."""
        logits = self.network(images)
        margin = logits[:, LABELS.index("ai")] - logits[:, LABELS.index("real")]
        scores = margin / self.calibration.temperature + self.calibration.bias
        return logits, torch.sigmoid(scores)


class _RowLinear(nn.Module):
    """A linear layer as products and a sum along each row.

    Matrix products choose the order of their sums by the number of rows and threads, so that a
    picture's last bits could depend on the pictures beside it.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, features: Tensor) -> Tensor:
        return (features.unsqueeze(1) * self.weight).sum(dim=-1) + self.bias


class _MeanPool(nn.Module):
    """Global average pooling as a plain mean; the exporter makes index arithmetic of the other."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3), keepdim=True)
