"""Which process decodes a file: a thread of the scan, or a worker process that can be killed.

A decoder written in C cannot be interrupted in a thread. So a thread gets only files whose header
and structure bound what decoding costs: JPEG, PNG, WebP and plain BMP, nearly all that there is.
All else goes to a worker (``worker_pool``), which is limited in memory and killed when its time is
up: GIF, TIFF, AVIF and HEIF, whose headers do not tell what they cost; JPEGs of very many scans or
segments, PNGs of very many chunks, run-length coded BMPs; and pictures that would take more than
half the time limit. ``benchmarks/isolation.py`` measures this against workers for everything.
"""

from ..images.encoded import EncodedImage
from ..images.formats.registry import registered_formats
from ..images.limits import Isolation, Limits, TruncatedPolicy

_PIXELS_A_SECOND = 10e6
"""Pixels that a slow core decodes of any bounded format; usual cores do five times as much."""

_TIME_SHARE = 0.5
"""Share of the time limit that a file may be expected to take in a thread."""


def needs_worker(
    encoded: EncodedImage, limits: Limits, isolation: Isolation = Isolation.ODD
) -> bool:
    """Return whether a file must not be decoded in a thread of the scan.

    Args:
        encoded: the whole file.
        limits: files that the header shows to exceed them are refused in a thread, at once.
        isolation: which files are isolated.
    """
    found = encoded.format
    if found is None or found.name not in registered_formats():
        return False
    if isolation is Isolation.ALL:
        return True
    if limits.truncated is TruncatedPolicy.SCORE and not found.fills_gaps_in_threads:
        return True
    cost = found.cost(encoded)
    if cost is None:
        return True
    is_refused = cost.pixels > limits.max_pixels
    seconds = cost.pixels * cost.passes / _PIXELS_A_SECOND
    return not is_refused and seconds > limits.timeout_s * _TIME_SHARE
