"""TrustThePixels: tells AI-generated pictures from photographs, and says when it cannot know."""

from importlib import import_module
from typing import Any

__version__: str
"""Version of the installed distribution."""


def __getattr__(name: str) -> Any:
    """Return the version, which takes a while to look up."""
    if name == "__version__":
        return import_module("importlib.metadata").version("trustthepixels")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
