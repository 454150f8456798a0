"""Choices of commands and of the Python API: enums and names, without what acts on them.

``--help`` needs no more than these, so nothing here imports another module of this package.
"""

from enum import Enum, StrEnum, auto

STANDARD_OUTPUT = "-"
"""Name of standard output as a path for rows."""

DEFAULT_MODEL = "default"
"""Name of the model that is used if the user names no other."""

ACCURATE_MODEL = "accurate"
"""Name of the model that is slower, larger and right more often."""


class Device(StrEnum):
    """Device of the model; ``auto`` takes CUDA if it works, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    OPENVINO = "openvino"


class Trust(Enum):
    """Policy for a model file whose content does not match its digest."""

    VERIFIED = "verified"
    """Refuse it."""
    ALLOW_UNVERIFIED = "allow_unverified"
    """Use it, and put the mismatch into ``ModelFile.doubt``."""


class Existing(StrEnum):
    """Policy for an output that exists."""

    REFUSE = "refuse"
    REPLACE = "replace"
    """Replace it when the scan is complete."""
    RESUME = "resume"
    """Resume it; a missing output is begun."""
    UPDATE = "update"
    """A finished one is replaced, and sound rows of unchanged files stay; else like ``RESUME``."""


class RowFormat(StrEnum):
    """Format of written rows."""

    CSV = "csv"
    JSONL = "jsonl"


class Mark(Enum):
    """Mark of the encoding at the beginning of a CSV file."""

    NONE = auto()
    BYTE_ORDER = auto()
    """A byte order mark, by which Excel knows that the file is UTF-8."""
