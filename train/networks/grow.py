"""Growth of a network: a smaller one's weights, and further blocks that start as identities."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from trustthepixels.infer.errors import InputError

HEADS = ("fc.", "classifier.")
"""Prefixes of the names of a last layer's tensors."""


def load_or_grow(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Load a state into the same timm network, or a ResNet's into a deeper one.

    A head of another shape is left out; the network keeps its own. With the same head,
    the outputs equal the smaller network's to the last bit.

    Args:
        network: network of timm; changed in place.
        state: tensors by timm's names; half precision is converted to the network's.

    Returns:
        Names of the blocks that were left at identity, empty if the depths are equal.

    Raises:
        InputError: a tensor has no place in the network, or another shape, or one of the network's
            tensors is missing and belongs to no further block.
    """
    own = network.state_dict()
    loaded = dict(state)
    for name in [name for name in loaded if name.startswith(HEADS)]:
        if name not in own or own[name].shape != loaded[name].shape:
            del loaded[name]
    for name, tensor in loaded.items():
        if name not in own:
            raise InputError(f"the weights hold {name}, which is not in this architecture")
        if own[name].shape != tensor.shape:
            raise InputError(
                f"{name} has shape {tuple(tensor.shape)}, not {tuple(own[name].shape)}"
            )
    absent = [name for name in own if name not in loaded and not name.startswith(HEADS)]
    known_blocks = {_block(name) for name in loaded}
    new_blocks = sorted({_block(name) for name in absent})
    for block in new_blocks:
        if block in known_blocks or not block.startswith("layer"):
            raise InputError(
                f"the weights are incomplete: part of {block or 'the network'} is missing"
            )
    network.load_state_dict(loaded, strict=False)
    for block in new_blocks:
        _set_to_identity(network.get_submodule(block))
    return new_blocks


def _block(name: str) -> str:
    """Return ``layer3.4`` for ``layer3.4.conv1.weight``; for names outside stages, their module."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0].startswith("layer") else parts[0]


def idle_tensors(network: nn.Module, new_blocks: Iterable[str]) -> set[str]:
    """Return the names of tensors in blocks at identity that have no effect on the outputs.

    These are all tensors except the gain and bias whose zeros make the blocks identities.

    Args:
        network: network of timm.
        new_blocks: result of ``load_or_grow``.
    """
    idle = set()
    for block in new_blocks:
        module = network.get_submodule(block)
        kept = {id(tensor) for tensor in _norms(module)[-1].parameters()}
        named = module.state_dict(keep_vars=True).items()
        idle |= {f"{block}.{name}" for name, tensor in named if id(tensor) not in kept}
    return idle


def _set_to_identity(block: nn.Module) -> None:
    norms = _norms(block)
    if not norms or getattr(block, "downsample", None) is not None:
        raise InputError("only a residual block with a plain shortcut can start as identity")
    with torch.no_grad():
        norms[-1].weight.zero_()
        norms[-1].bias.zero_()


def _norms(block: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
