"""Findings in IPTC's Information Interchange Model: its credit line (data set 2:110)."""

from collections.abc import Iterator

from ..results import Origin
from .findings import Finding

_MARKER, _RECORD, _CREDIT = 0x1C, 2, 110
_MAX_DATA_SETS = 1000

_CREDITS = {
    "made with google ai": ("google-ai", Origin.AI),
    "created with google ai": ("google-ai", Origin.AI),
    "edited with google ai": ("google-ai-edited", Origin.AI_EDITED),
}
"""Google's own lines, in full; a longer credit is a person's text."""


def credit_findings(credit: str, place: str) -> Iterator[Finding]:
    """Findings in a credit line.

    Args:
        credit: the whole line.
        place: first part of the tokens.
    """
    known = _CREDITS.get(credit.strip().rstrip(".").lower())
    if known is not None:
        yield Finding(f"{place}:{known[0]}", known[1], details={"Credit": credit})


def iim_findings(block: bytes) -> Iterator[Finding]:
    """Findings in a block of data sets (IIM 4.2, section 1.6)."""
    position = 0
    for _ in range(_MAX_DATA_SETS):
        header = block[position : position + 5]
        if len(header) < 5 or header[0] != _MARKER:
            return
        length = int.from_bytes(header[3:5], "big")
        if length & 0x8000:
            # An extended length; no text that matters here needs it.
            return
        position += 5
        if header[1] == _RECORD and header[2] == _CREDIT:
            yield from credit_findings(
                block[position : position + length].decode("utf-8", "replace"), "iim"
            )
        position += length
