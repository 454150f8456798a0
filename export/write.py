"""Bytes of a model file, and files that appear whole or not at all."""

import hashlib
import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import onnx
from onnx import helper

from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.model.onnx_bytes import metadata_and_digest
from trustthepixels.infer.model.spec import METADATA_DIGEST_KEY, METADATA_KEY, ModelSpec

from .request import Precision

_VERSIONED = ("trustthepixels", "torch", "timm", "onnx", "onnxscript", "onnxruntime")


def model_bytes(model: onnx.ModelProto, spec: ModelSpec, precision: Precision) -> bytes:
    """Return one self-contained ONNX file; equal graphs and specs make equal bytes.

    Args:
        model: the graph, without metadata.
        spec: spec of the checkpoint; precision, digest and versions are filled in.
        precision: precision of the graph.
    """
    _, digest = metadata_and_digest(model.SerializeToString(deterministic=True))
    versions = {**spec.versions, **_installed_versions()}
    text = replace(
        spec, precision=precision.value, versions=versions, graph_digest=digest
    ).to_json()
    complete = onnx.ModelProto()
    complete.CopyFrom(model)
    helper.set_model_props(
        complete,
        {METADATA_KEY: text, METADATA_DIGEST_KEY: hashlib.sha256(text.encode()).hexdigest()},
    )
    content: bytes = complete.SerializeToString(deterministic=True)
    return content


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield a temporary file next to ``path``, which gets its name if the block ends well.

    Raises:
        OutputError: the file cannot be created or renamed there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder")
    try:
        temporary.touch()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield temporary
        try:
            temporary.replace(path)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _installed_versions() -> dict[str, str]:
    installed = {}
    for name in _VERSIONED:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            # ONNX Runtime has other names too, such as onnxruntime-gpu.
            continue
    return installed
