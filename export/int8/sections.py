"""Three parts of an exported graph: normalisation, network body, head.

Reduced precision is for the body alone. Normalisation and head stay in float32. They take almost no
time, and their rounding errors would affect everything after them, or be printed.
"""

from dataclasses import dataclass

import onnx

from trustthepixels.infer.errors import InputError


@dataclass(frozen=True, slots=True)
class Sections:
    """The nodes of each part, in topological order.

    Attributes:
        normalisation: from ``images`` to the first convolution, of each view.
        body: the convolutions and all nodes between them.
        head: from the global average pooling on, of one stage or of several.
    """

    normalisation: tuple[onnx.NodeProto, ...]
    body: tuple[onnx.NodeProto, ...]
    head: tuple[onnx.NodeProto, ...]

    @property
    def normalised(self) -> tuple[str, ...]:
        """Names of the normalised views, each float32 (batch, 3, height, width)."""
        made = {name for node in self.normalisation for name in node.output}
        return tuple(
            dict.fromkeys(name for node in self.body for name in node.input if name in made)
        )

    @property
    def first(self) -> tuple[onnx.NodeProto, ...]:
        """The convolutions of normalised views."""
        made = {name for node in self.body for name in node.output}
        return tuple(node for node in self.body if made.isdisjoint(node.input))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the body's outputs, which the head pools."""
        made = [name for node in self.body for name in node.output]
        pooled = {name for node in self.head for name in node.input}
        return tuple(name for name in made if name in pooled)


def sections(model: onnx.ModelProto) -> Sections:
    """Divide a float32 graph of ``export_graph`` into its parts.

    Raises:
        InputError: it does not begin with a convolution or has no global average pooling.
    """
    before: list[onnx.NodeProto] = []
    after: list[onnx.NodeProto] = []
    made: set[str] = set()
    for node in model.graph.node:
        is_after = node.op_type == "Conv" or not made.isdisjoint(node.input)
        (after if is_after else before).append(node)
        made.update(node.output if is_after else ())
    head = _head(after)
    if not head:
        raise InputError(
            "the architecture is not convolutions with global average pooling, "
            "so export it with --precision fp32"
        )
    return Sections(
        tuple(before),
        tuple(node for node in after if node.name not in head),
        tuple(node for node in after if node.name in head),
    )


_POOLING = frozenset({"ReduceMean", "Reshape"})


def _head(nodes: list[onnx.NodeProto]) -> set[str]:
    """Return the names of poolings without a later convolution, with the nodes before and after."""
    needed: set[str] = set()
    for node in reversed(nodes):
        if node.op_type == "Conv" or not needed.isdisjoint(node.output):
            needed.update(node.input)
    pooled: set[str] = set()
    head = set()
    for node in nodes:
        last = needed.isdisjoint(node.output)
        if last and (node.op_type in _POOLING or not pooled.isdisjoint(node.input)):
            head.add(node.name)
            pooled.update(node.output)
    return head
