"""The three parts of an exported graph: normalisation, network body, head.

Reduced precision is for the body alone. Normalisation and head stay in float32: they take next to
no time, and what is rounded there is lost for all that follows, or printed.
"""

from dataclasses import dataclass

import onnx

from trustthepixels.infer.errors import InputError


@dataclass(frozen=True, slots=True)
class Sections:
    """The nodes of each part, in topological order.

    Attributes:
        normalisation: from ``images`` to the input of the first convolution.
        body: the convolutions and all between them.
        head: from the global average pooling on.
    """

    normalisation: tuple[onnx.NodeProto, ...]
    body: tuple[onnx.NodeProto, ...]
    head: tuple[onnx.NodeProto, ...]

    @property
    def normalised(self) -> str:
        """Name of the normalised pixels, float32 (batch, 3, height, width)."""
        name: str = self.body[0].input[0]
        return name

    @property
    def features(self) -> str:
        """Name of the body's output, which the head pools."""
        name: str = self.head[0].input[0]
        return name


def sections(model: onnx.ModelProto) -> Sections:
    """Divide a float32 graph that ``export_graph`` made.

    Raises:
        InputError: it does not begin with a convolution or has no global average pooling.
    """
    nodes = list(model.graph.node)
    first = next((i for i, node in enumerate(nodes) if node.op_type == "Conv"), None)
    pool = max((i for i, node in enumerate(nodes) if node.op_type == "ReduceMean"), default=None)
    if first is None or pool is None or pool < first:
        raise InputError(
            "the architecture is not convolutions with global average pooling, "
            "so that only --precision fp32 can be exported"
        )
    return Sections(tuple(nodes[:first]), tuple(nodes[first:pool]), tuple(nodes[pool:]))
