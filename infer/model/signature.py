"""Contract for a model file's inputs and outputs: their names, types and shapes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SignatureError
from ..results import LABELS
from .file import ModelFile

INPUT_NAME = "images"
LOGITS_NAME = "logits"
P_AI_NAME = "p_ai"


def check_signature(inference: Any, model: ModelFile) -> None:
    """Check names, types, dynamic batch axis and shapes, in this order.

    Args:
        inference: the ``onnxruntime.InferenceSession``.
        model: the file from which it was made.

    Raises:
        SignatureError: something differs; the text names the first difference.
    """
    inputs = {node.name: node for node in inference.get_inputs()}
    outputs = {node.name: node for node in inference.get_outputs()}
    expected = {
        INPUT_NAME: (inputs, "tensor(uint8)", [*model.spec.input_shape.axes]),
        LOGITS_NAME: (outputs, "tensor(float)", [len(LABELS)]),
        P_AI_NAME: (outputs, "tensor(float)", []),
    }
    if set(inputs) != {INPUT_NAME}:
        raise SignatureError(f"{model.path} has the inputs {sorted(inputs)}, not '{INPUT_NAME}'")
    if not {LOGITS_NAME, P_AI_NAME} <= set(outputs):
        raise SignatureError(
            f"{model.path} has the outputs {sorted(outputs)}, not '{LOGITS_NAME}' and '{P_AI_NAME}'"
        )
    for name, (nodes, dtype, shape) in expected.items():
        node = nodes[name]
        if node.type != dtype:
            raise SignatureError(f"{model.path}: '{name}' is {node.type}, not {dtype}")
        if node.shape and isinstance(node.shape[0], int):
            raise SignatureError(
                f"{model.path}: '{name}' has its batch axis frozen at {node.shape[0]}"
            )
        if node.shape[1:] != shape or not node.shape:
            raise SignatureError(
                f"{model.path}: '{name}' has the shape {node.shape}, not {['batch', *shape]}"
            )


FloatArray = npt.NDArray[np.float32]
