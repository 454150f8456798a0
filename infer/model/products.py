"""Choice between the two bodies of a transformer's products: integers, or floating point.

``export.int8.rows`` writes both into the file. Integer products of uint8 and int8 are fast on CPUs;
CUDA has no such kernel, and ONNX Runtime would run them on the CPU without a word.
"""

from .onnx_bytes import fields

INTEGER_DOMAIN = "trustthepixels.int"
"""Domain that the graph calls."""

FLOAT_DOMAIN = "trustthepixels.fpx"
"""Domain of the other body: as many letters, so that no length in the file changes."""

_FUNCTIONS = 25
"""Field ``functions`` of ``ModelProto`` (onnx.proto)."""

_SWAPPED = {
    INTEGER_DOMAIN.encode(): FLOAT_DOMAIN.encode(),
    FLOAT_DOMAIN.encode(): INTEGER_DOMAIN.encode(),
}


def with_float_products(content: bytes) -> bytes:
    """Return a model whose products are in floating point; one without such products unchanged.

    Args:
        content: a verified ONNX file.
    """
    changed = bytearray(content)
    for field, _, payload, end in fields(memoryview(content)):
        if field != _FUNCTIONS:
            continue
        function = content[payload:end]
        for old, new in _SWAPPED.items():
            if old in function:
                changed[payload:end] = function.replace(old, new)
                break
    return bytes(changed)
