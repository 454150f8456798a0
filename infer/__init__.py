"""Torch-free inference: decode, preprocess, classify, scan.

The public names below are imported on first use, so that ``--help`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .choices import Device
    from .detector import Detector
    from .errors import (
        DigestError,
        ExportCheckError,
        ImageError,
        InputError,
        MissingExtraError,
        ModelError,
        OutOfMemoryError,
        OutputError,
        ProviderError,
        SignatureError,
        SourceLostError,
        SpecError,
        TrustThePixelsError,
        UsageError,
    )
    from .files.options import WalkOptions
    from .images.limits import DecodeSize, Limits, TruncatedPolicy
    from .model.bundled import bundled_models
    from .model.spec import ModelSpec
    from .results import Doubt, FileStatus, ScanRow, Verdict, VerdictLabel
    from .scan.options import ScanOptions

__all__ = [
    "DecodeSize",
    "Detector",
    "Device",
    "DigestError",
    "Doubt",
    "ExportCheckError",
    "FileStatus",
    "ImageError",
    "InputError",
    "Limits",
    "MissingExtraError",
    "ModelError",
    "ModelSpec",
    "OutOfMemoryError",
    "OutputError",
    "ProviderError",
    "ScanOptions",
    "ScanRow",
    "SignatureError",
    "SourceLostError",
    "SpecError",
    "TruncatedPolicy",
    "TrustThePixelsError",
    "UsageError",
    "Verdict",
    "VerdictLabel",
    "WalkOptions",
    "bundled_models",
]

_MODULES = {
    "Detector": "detector",
    "WalkOptions": "files.walk",
    "Limits": "images.limits",
    "DecodeSize": "images.limits",
    "TruncatedPolicy": "images.limits",
    "bundled_models": "model.bundled",
    "Device": "choices",
    "ModelSpec": "model.spec",
    "Doubt": "results",
    "FileStatus": "results",
    "ScanRow": "results",
    "Verdict": "results",
    "VerdictLabel": "results",
    "ScanOptions": "scan.options",
}
"""Module of each public name that is no error."""


def __getattr__(name: str) -> Any:
    """Return a public name, imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
