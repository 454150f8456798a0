"""The library of the extra ``c2pa``: whether it is there, without importing it."""

from importlib.util import find_spec


def is_available() -> bool:
    """Return whether the library is installed."""
    return find_spec("c2pa") is not None
