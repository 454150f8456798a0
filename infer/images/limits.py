"""Limits on what one file may cost."""

from dataclasses import dataclass
from enum import StrEnum

MAX_PIXELS = 178_956_970
"""Default limit on width × height; above it Pillow itself suspects a decompression bomb."""

MAX_BYTES = 512 * 1024 * 1024
"""Default limit on the size of a file in bytes."""

TIMEOUT_S = 60.0
"""Default limit on the time for one file, in seconds."""


class TruncatedPolicy(StrEnum):
    """Policy for pictures whose end is missing."""

    REFUSE = "refuse"
    SCORE = "score"


class DecodeSize(StrEnum):
    """Share of a large JPEG's pixels that is computed."""

    FULL = "full"
    """All pixels."""
    SCALED = "scaled"
    """A half, a quarter or an eighth on each side, if both sides keep at least six times the
    model's input size."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what one file may cost. Every field can change rows.

    Attributes:
        max_pixels: largest width × height, refused from the header, before pixels are allocated.
        max_bytes: largest file size in bytes.
        timeout_s: longest time for one file in seconds. It binds files whose header does not bound
            their cost, see ``isolation.policy``; a decoder in a thread cannot be interrupted.
        truncated: policy for a truncated picture.
        decode_size: share of a large JPEG's pixels that is computed.
    """

    max_pixels: int = MAX_PIXELS
    max_bytes: int = MAX_BYTES
    timeout_s: float = TIMEOUT_S
    truncated: TruncatedPolicy = TruncatedPolicy.REFUSE
    decode_size: DecodeSize = DecodeSize.SCALED


DEFAULT_LIMITS = Limits()


class Isolation(StrEnum):
    """Files that are decoded in worker processes."""

    ODD = "odd"
    """Files whose header does not bound their cost."""
    ALL = "all"
