"""Torch-free inference: decode, preprocess, classify, scan.

The public names below are imported on first use, so that ``--help`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detector import Detector as Detector

_MODULES = {"Detector": "detector"}
"""Module of each public name."""

__all__ = ["Detector"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
