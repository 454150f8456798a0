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
        InputError: the logits are not a sum with a constant.
    """
    shift = _mean_logits(rounded, batches) - _mean_logits(exact, batches)
    bias = _bias(rounded)
    corrected = numpy_helper.to_array(bias) - shift.astype(np.float32)
    bias.CopyFrom(numpy_helper.from_array(corrected, bias.name))


def _mean_logits(model: onnx.ModelProto, batches: Batches) -> npt.NDArray[np.float64]:
    session = load_onnxruntime().InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    logits = [
        session.run([LOGITS_NAME], {INPUT_NAME: batches[index]})[0] for index in range(len(batches))
    ]
    mean: npt.NDArray[np.float64] = np.concatenate(logits).mean(axis=0, dtype=np.float64)
    return mean


def _bias(model: onnx.ModelProto) -> onnx.TensorProto:
    last = next(node for node in model.graph.node if LOGITS_NAME in node.output)
    constants = [value for value in model.graph.initializer if value.name in last.input]
    if last.op_type != "Add" or len(constants) != 1:
        raise InputError("the network's last layer is not linear with a bias")
    bias: onnx.TensorProto = constants[0]
    return bias
