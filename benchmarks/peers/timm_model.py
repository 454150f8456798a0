"""The weights as a plain timm model, normalisation left to the transforms."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.train.networks.weights import load_checkpoint

if TYPE_CHECKING:
    from torch import nn


def timm_model(weights: Path) -> "tuple[nn.Module, ModelSpec]":
    """Return the backbone in evaluation mode, and its spec."""
    network, spec = load_checkpoint(weights)
    backbone: Any = network.backbone
    return backbone.eval(), spec
