"""What a file may cost, and what is refused."""

from dataclasses import dataclass
from enum import StrEnum

MAX_PIXELS = 178_956_970
"""Default limit on width × height: where Pillow itself suspects a decompression bomb."""

MAX_BYTES = 512 * 1024 * 1024
"""Default limit on the size of a file in bytes."""

TIMEOUT_S = 60.0
"""Default limit on the time for one file, in seconds."""


class TruncatedPolicy(StrEnum):
    """What becomes of a picture whose end is missing."""

    REFUSE = "refuse"
    SCORE = "score"


class DecodeSize(StrEnum):
    """How many of a large JPEG's pixels are computed."""

    FULL = "full"
    """All of them."""
    SCALED = "scaled"
    """A half, a quarter or an eighth on each side, where that leaves at least six times
    the model's input size on both."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused, and what is not; all of it changes rows.

    Attributes:
        max_pixels: largest width × height, refused from the header, before pixels are allocated.
        max_bytes: largest file size in bytes.
        timeout_s: longest time for one file in seconds. It binds where a file's header does not
            bound its cost, see ``placement``; a decoder in a thread cannot be interrupted.
        truncated: whether a truncated picture is judged by what is there of it.
        decode_size: how many of a large JPEG's pixels are computed.
    """

    max_pixels: int = MAX_PIXELS
    max_bytes: int = MAX_BYTES
    timeout_s: float = TIMEOUT_S
    truncated: TruncatedPolicy = TruncatedPolicy.REFUSE
    decode_size: DecodeSize = DecodeSize.SCALED


DEFAULT_LIMITS = Limits()


class Isolation(StrEnum):
    """Which files are decoded in worker processes."""

    ODD = "odd"
    """Those whose cost their header does not bound."""
    ALL = "all"
