"""Read and verify a model file without the ``onnx`` package.

An ONNX file is a protobuf message. Only its outermost layer is read here. Field 14,
``metadata_props``, holds the spec. The bytes of every other field are the graph; their SHA-256 is
the digest in the spec.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ..choices import Trust
from ..errors import DigestError, ModelError, SpecError
from ..files.read import ReadError, read_file
from .onnx_bytes import metadata_and_digest, refers_outside
from .spec import METADATA_DIGEST_KEY, METADATA_KEY, ModelSpec

MAX_BYTES = 2**31 - 1
"""Largest size of one protobuf message."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model: the bytes for the session, and their description.

    Attributes:
        path: path of the file.
        content: the whole file.
        spec: the model's specification.
        fingerprint: name and digest of specification and content; equal for equal models alone.
        doubt: one line of reason why the content may not match the specification; empty for a
            verified model.
    """

    path: Path
    content: bytes
    spec: ModelSpec
    fingerprint: str = ""
    doubt: str = ""


def read_model_file(path: Path, trust: Trust = Trust.VERIFIED) -> ModelFile:
    """Read a model and verify its spec and digest.

    Args:
        path: path of the file.
        trust: policy for a file of which only the digest does not match.

    Raises:
        ModelError: the file cannot be read or is not an ONNX file.
        SpecError: its spec is missing or damaged.
        DigestError: its content does not match the digest, and ``trust`` does not allow that.
    """
    try:
        content = read_file(os.fsencode(path), MAX_BYTES)
    except ReadError as error:
        raise ModelError(f"cannot read the model {path}: {error.reason}") from error
    try:
        metadata, digest = metadata_and_digest(content)
        if refers_outside(content):
            raise ModelError(
                f"{path} stores weights outside the file, where nothing verifies them; "
                "export it again, as one file"
            )
    except ValueError as error:
        raise ModelError(f"{path} is not an ONNX file ({error})") from error
    text = metadata.get(METADATA_KEY)
    if text is None:
        raise SpecError(
            f"{path} has no trustthepixels specification; "
            "use a model written by 'trustthepixels export'"
        )
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get(METADATA_DIGEST_KEY):
        raise SpecError(f"the specification in {path} is damaged (its checksum does not match)")
    try:
        spec = ModelSpec.from_json(text)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error
    doubt = ""
    if spec.graph_digest != digest:
        doubt = f"{path} is damaged: its content does not match its digest"
        if trust is Trust.VERIFIED:
            raise DigestError(doubt)
    both = hashlib.sha256(f"{digest}{text}".encode()).hexdigest()
    return ModelFile(path, content, spec, f"{spec.name} (sha256 {both})", doubt)
