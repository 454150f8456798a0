"""Correction of the last layer's bias for the mean shift that rounding causes.

Rounded weights and activations shift the mean of a layer's results. The shift of the logits is
measured on training pictures and subtracted in the last layer (the bias correction of Nagel et al.
2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", for one layer).
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.providers import load_onnxruntime
from trustthepixels.infer.model.session import INPUT_NAME, LOGITS_NAME

from .activation_ranges import Batches


def correct_bias(rounded: onnx.ModelProto, exact: onnx.ModelProto, batches: Batches) -> None:
    """Change the last layer's bias so that both graphs' logits have the same mean.

    Args:
        rounded: the quantized graph, changed in place.
        exact: the graph in float32.
        batches: training pictures.

    Raises:
        InputError: the logits are not sums of products that each take a share of a bias.
    """
    shift = _mean_logits(rounded, batches) - _mean_logits(exact, batches)
    share, length = _share_of_bias(rounded)
    change = (shift / length).astype(np.float32)
    corrected = numpy_helper.to_array(share) - change.reshape(share.dims)
    share.CopyFrom(numpy_helper.from_array(corrected, share.name))


def _mean_logits(model: onnx.ModelProto, batches: Batches) -> npt.NDArray[np.float64]:
    session = load_onnxruntime().InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    logits = [
        session.run([LOGITS_NAME], {INPUT_NAME: batches[index]})[0] for index in range(len(batches))
    ]
    mean: npt.NDArray[np.float64] = np.concatenate(logits).mean(axis=0, dtype=np.float64)
    return mean


def _share_of_bias(model: onnx.ModelProto) -> tuple[onnx.TensorProto, int]:
    """Return the constant that each product of the last layer takes, and the number of products."""
    makers = {name: node for node in model.graph.node for name in node.output}
    values = {value.name: value for value in model.graph.initializer}

    def constants(node: onnx.NodeProto) -> list[onnx.TensorProto]:
        return [values[name] for name in node.input if name in values]

    total = makers[LOGITS_NAME]
    added = makers.get(total.input[0])
    if total.op_type == "ReduceSum" and added is not None and added.op_type == "Add":
        product = next((makers[name] for name in added.input if name in makers), None)
        if product is not None and len(constants(added)) == len(constants(product)) == 1:
            return constants(added)[0], constants(product)[0].dims[-1]
    raise InputError("the network's last layer is not linear with a bias")
