"""Choice of the process that decodes a file: a thread of the scan, or a worker that can be killed.

A decoder in C cannot be interrupted in a thread. So a thread gets only files whose header and
structure bound the cost of decoding: JPEG, PNG, WebP and plain BMP, which are nearly all files.

A worker (``isolation.pool``) gets all other files. It has a memory limit, and is killed when its
time is up. It decodes GIF, TIFF, AVIF and HEIF, whose headers do not bound their cost; JPEGs of
very many scans or segments, PNGs of very many chunks, and run-length coded BMPs; and pictures that
would take more than half the time limit. ``benchmarks/isolation.py`` compares this with workers for
all files.
"""

from ..images.encoded import EncodedImage
from ..images.formats.registry import registered_formats
from ..images.limits import Isolation, Limits, TruncatedPolicy

_PIXELS_A_SECOND = 10e6
"""Pixels that a slow core decodes of any bounded format; usual cores do five times as much."""

_TIME_SHARE = 0.5
"""Share of the time limit that decoding in a thread may be expected to take."""


def needs_worker(
    encoded: EncodedImage, limits: Limits, isolation: Isolation = Isolation.ODD
) -> bool:
    """Return whether a file must not be decoded in a thread of the scan.

    Args:
        encoded: the whole file.
        limits: limits of the scan; files whose header exceeds them are refused in a thread, at
            once.
        isolation: files to isolate.
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
