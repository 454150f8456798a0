"""Tensors of an ONNX graph whose data lies in other files.

ONNX Runtime would open whatever path a model names, relative to the current folder, before anything
can be checked. So such models are told by their bytes alone. The numbers are the fields of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from .protobuf import fields, varint

_EXTERNAL = 1
"""``TensorProto.DataLocation.EXTERNAL``."""

_TENSOR = "tensor"
_PARTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: _TENSOR,
        6: "graph",
        10: _TENSOR,
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: _TENSOR, 2: _TENSOR},
}
"""Which fields of a message hold which messages, as far as tensors can lie in them."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of ``TensorProto``."""


def refers_outside(model: bytes) -> bool:
    """Whether any tensor of a model, however deep in its graphs, keeps its data outside.

    Raises:
        ValueError: the bytes are not a protobuf message of this shape.
    """
    view = memoryview(model)
    messages = [("model", 0, len(view))]
    while messages:
        kind, start, end = messages.pop()
        if kind == _TENSOR:
            if _is_external(view[:end], start):
                return True
            continue
        parts = _PARTS[kind]
        messages += [
            (parts[number], payload, part_end)
            for number, _, payload, part_end in fields(view[:end], start)
            if number in parts
        ]
    return False


def _is_external(view: memoryview, start: int) -> bool:
    return any(
        number == _EXTERNAL_DATA
        or (number == _DATA_LOCATION and varint(view, payload)[0] == _EXTERNAL)
        for number, _, payload, _ in fields(view, start)
    )
