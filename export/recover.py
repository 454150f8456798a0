"""Weights out of a model file of this project, for ``train --init`` and for evaluations.

int8 files of transformers hold all that is needed: codes and scales of each product, and everything
else in float32. So the repository keeps no second file of the same weights.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, numpy_helper

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.spec import METADATA_KEY, ModelSpec

from .int8.rows import PRODUCT, RAISED_PRODUCT

_FloatArray = npt.NDArray[np.float32]

_PREFIX = "network.backbone."
_BIAS = ".bias"
_SHARE = ".share"
"""End of the name of what each product of a row adds, see ``graph.export_graph``."""


def has_our_spec(model: onnx.ModelProto) -> bool:
    """Return whether an ONNX file is one of ``trustthepixels export``."""
    return any(item.key == METADATA_KEY for item in model.metadata_props)


def recovered(model: onnx.ModelProto, spec: ModelSpec) -> tuple[dict[str, _FloatArray], ModelSpec]:
    """Return the backbone's tensors by timm's names, and the spec of such weights.

    Matrices are as int8 rounded them, and channels as smoothing scaled them: the network computes
    what the file's floating-point products compute.

    Args:
        model: int8 file of a transformer.
        spec: its specification, verified.

    Raises:
        InputError: the file has another precision, or is no transformer.
    """
    values = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
    tensors = {
        name.removeprefix(_PREFIX): value.astype(np.float32)
        for name, value in values.items()
        if name.startswith(_PREFIX)
    }
    for name in [name for name in tensors if name.endswith(_SHARE)]:
        layer = name.removesuffix(_SHARE)
        inputs = tensors[f"{layer}.weight"].shape[1]
        tensors[f"{layer}{_BIAS}"] = inputs * tensors.pop(name)[:, 0]
    matrices = dict(_matrices(model, values))
    if not matrices:
        raise InputError(
            f"{spec.name} has no int8 products of a transformer; use an int8 export of a tower"
        )
    plain = replace(spec, precision="fp32", graph_digest="", known_answer=None)
    return {**tensors, **matrices}, plain


def _matrices(
    model: onnx.ModelProto, values: Mapping[str, npt.NDArray[Any]]
) -> Iterator[tuple[str, _FloatArray]]:
    """Yield timm's name and the weight, (outputs, inputs), of every int8 product.

    The bias that is added to a product has its layer's name.
    """
    added = {
        name: node for node in model.graph.node if node.op_type == "Add" for name in node.input
    }
    for node in model.graph.node:
        if node.op_type in (PRODUCT, RAISED_PRODUCT):
            codes, scales = (values[name].astype(np.float32) for name in node.input[1:3])
            yield (
                f"{_layer(added[node.output[0]])}.weight",
                np.ascontiguousarray((codes * scales).T),
            )


def _layer(addition: NodeProto) -> str:
    names: list[str] = [name for name in addition.input if name.endswith(_BIAS)]
    (bias,) = names
    return bias.removeprefix(_PREFIX).removesuffix(_BIAS)
