"""Read and verify one of our ONNX files without the ``onnx`` package.

An ONNX file is a protobuf message. Only its outermost layer is read here: field 14,
``metadata_props``, holds our spec; the bytes of every other field are the graph, and their SHA-256
is the digest in the spec. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import DigestError, ModelError, SpecError
from .read import ReadError, read_file
from .spec import METADATA_DIGEST_KEY, METADATA_KEY, ModelSpec

MAX_BYTES = 2**31 - 1
"""What one protobuf message can hold."""

_METADATA_FIELD = 14
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A verified model: the bytes for the session, and what they are."""

    path: Path
    content: bytes
    spec: ModelSpec


def read_model_file(path: Path) -> ModelFile:
    """Read a model and verify its spec and digest.

    Raises:
        ModelError: the file cannot be read or is no ONNX file.
        SpecError: its spec is missing or damaged.
        DigestError: its content is not what the spec says.
    """
    try:
        content = read_file(os.fsencode(path), MAX_BYTES)
    except ReadError as error:
        raise ModelError(f"cannot read the model {path}: {error.reason}") from error
    try:
        metadata, digest = metadata_and_digest(content)
    except ValueError as error:
        raise ModelError(f"{path} is not an ONNX file ({error})") from error
    text = metadata.get(METADATA_KEY)
    if text is None:
        raise SpecError(
            f"{path} carries no trustthepixels specification; "
            "only models written by 'trustthepixels export' can be used"
        )
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get(METADATA_DIGEST_KEY):
        raise SpecError(f"the specification in {path} is damaged (its checksum does not match)")
    try:
        spec = ModelSpec.from_json(text)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error
    if spec.graph_digest != digest:
        raise DigestError(f"{path} is damaged: its content does not match its digest")
    return ModelFile(path, content, spec)


def metadata_and_digest(content: bytes) -> tuple[dict[str, str], str]:
    """The ``metadata_props`` of an ONNX file, and the SHA-256 (hex) of everything else in it.

    Raises:
        ValueError: the bytes are not a protobuf message with at least one field.
    """
    view = memoryview(content)
    digest = hashlib.sha256()
    metadata: dict[str, str] = {}
    for field, start, payload, end in _fields(view):
        if field == _METADATA_FIELD:
            entry = {f: bytes(view[p:e]).decode() for f, _, p, e in _fields(view[:end], payload)}
            metadata[entry.get(1, "")] = entry.get(2, "")
        else:
            digest.update(view[start:end])
    if not content:
        raise ValueError("the file is empty")
    return metadata, digest.hexdigest()


def _fields(view: memoryview, position: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """Yield (field number, start of its tag, start of its payload, end) until the view ends."""
    while position < len(view):
        start = position
        tag, position = _varint(view, position)
        field, wire_type = tag >> 3, tag & 7
        if field == 0:
            raise ValueError(f"no protobuf field at byte {start}")
        if wire_type == _LENGTH:
            length, position = _varint(view, position)
            payload, end = position, position + length
        elif wire_type == _VARINT:
            payload = position
            _, end = _varint(view, position)
        elif wire_type in (_FIXED64, _FIXED32):
            payload, end = position, position + (8 if wire_type == _FIXED64 else 4)
        else:
            raise ValueError(f"unknown wire type {wire_type} at byte {start}")
        if end > len(view):
            raise ValueError("the file is truncated")
        yield field, start, payload, end
        position = end


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(view) and shift < 64:
        byte = view[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("the file is truncated")
