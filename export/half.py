"""Conversion of a float32 graph to float16 for GPUs, with uint8 input and float32 outputs."""

import onnx
import onnx_ir as ir
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from .graph import tidy
from .int8.sections import sections


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Convert the body of the network; normalisation and head stay in float32.

    ONNX Runtime's converter takes the body as a graph of its own. On the whole graph it would also
    round the outputs to float16, but ``p_ai`` needs six decimals.

    Raises:
        InputError: the graph cannot be divided, see ``sections``.
    """
    parts = sections(model)
    used = {name for node in parts.body for name in node.input}
    initializers = {value.name: value for value in model.graph.initializer}
    body = helper.make_model(
        helper.make_graph(
            parts.body,
            "body",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                for name in parts.normalised
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                for name in parts.features
            ],
            [value for name, value in initializers.items() if name in used],
        ),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )
    converted = convert_float_to_float16(body, keep_io_types=True)
    initializers |= {value.name: value for value in converted.graph.initializer}
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.initializer[:]
    result.graph.node.extend([*parts.normalisation, *converted.graph.node, *parts.head])
    result.graph.initializer.extend(initializers.values())
    return tidy(ir.from_proto(result))
