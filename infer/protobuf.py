"""Protobuf's wire format, as far as an ONNX file needs it.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

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
    """A number, and where it ends.

    Raises:
        ValueError: it does not end.
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
