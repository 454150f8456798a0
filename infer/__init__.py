"""Torch-free inference: decode, preprocess, classify, scan.

``Detector`` is the Python API; it is imported on first use so that ``--help`` stays fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detector import Detector as Detector

__all__ = ["Detector"]


def __getattr__(name: str) -> Any:
    if name == "Detector":
        from .detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
