"""Bytes of an ONNX file: protobuf fields, references to outside data, metadata and digest.

Source: protobuf's encoding documentation and onnx.proto.
"""

import hashlib
from collections.abc import Iterator

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
"""Fields of each kind of message that hold further messages in which tensors can lie."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of ``TensorProto``."""


def refers_outside(model: bytes) -> bool:
    """Return whether any tensor of a model, at any depth, stores its data outside the file.

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


_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def fields(view: memoryview, position: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """Yield (field number, start of its tag, start of its payload, end) until the view ends.

    Raises:
        ValueError: the bytes are not a protobuf message.
    """
    while position < len(view):
        start = position
        tag, position = varint(view, position)
        field, wire_type = tag >> 3, tag & 7
        if field == 0:
            raise ValueError(f"no protobuf field at byte {start}")
        if wire_type == _LENGTH:
            length, position = varint(view, position)
            payload, end = position, position + length
        elif wire_type == _VARINT:
            payload = position
            _, end = varint(view, position)
        elif wire_type in (_FIXED64, _FIXED32):
            payload, end = position, position + (8 if wire_type == _FIXED64 else 4)
        else:
            raise ValueError(f"unknown wire type {wire_type} at byte {start}")
        if end > len(view):
            raise ValueError("the file is truncated")
        yield field, start, payload, end
        position = end


def varint(view: memoryview, position: int) -> tuple[int, int]:
    """Return a number and the position after it.

    Raises:
        ValueError: the number does not end.
    """
    value = shift = 0
    while position < len(view) and shift < 64:
        byte = view[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("the file is truncated")


_METADATA_FIELD = 14


def metadata_and_digest(content: bytes) -> tuple[dict[str, str], str]:
    """Return the ``metadata_props`` of an ONNX file, and the SHA-256 (hex) of its other content.

    Raises:
        ValueError: the bytes are not a protobuf message with at least one field.
    """
    view = memoryview(content)
    digest = hashlib.sha256()
    metadata: dict[str, str] = {}
    for field, start, payload, end in fields(view):
        if field == _METADATA_FIELD:
            entry = {f: bytes(view[p:e]).decode() for f, _, p, e in fields(view[:end], payload)}
            metadata[entry.get(1, "")] = entry.get(2, "")
        else:
            digest.update(view[start:end])
    if not content:
        raise ValueError("the file is empty")
    return metadata, digest.hexdigest()
