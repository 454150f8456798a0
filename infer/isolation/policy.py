"""Which process decodes a file: a thread of the scan, or a worker process that can be killed.

A decoder written in C cannot be interrupted in a thread. So a thread gets only files whose header
and structure bound what decoding costs: JPEG, PNG, WebP and plain BMP, nearly all that there is.
All else goes to a worker (``worker_pool``), which is limited in memory and killed when its time is
up: GIF, TIFF, AVIF and HEIF, whose headers do not tell what they cost; JPEGs of very many scans or
segments, PNGs of very many chunks, run-length coded BMPs; and pictures that would take more than
half the time limit. ``benchmarks/isolation.py`` measures this against workers for everything.
"""

from ..images.formats.containers import webp_size
from ..images.formats.jpeg_markers import JpegStructure, read_structure
from ..images.formats.png import png_chunks
from ..images.formats.registry import registered_formats, sniff
from ..images.limits import Isolation, Limits, TruncatedPolicy

_PIXELS_A_SECOND = 10e6
"""What a slow core decodes of any of the bounded formats; usual ones do five times as much."""

_TIME_SHARE = 0.5
"""Of the time limit that a file may be expected to take in a thread."""

_MAX_JPEG_MARKERS = 2_000
_MAX_PNG_CHUNKS = 20_000
_MAX_PNG_TEXTS = 16
"""Compressed texts, which Pillow inflates to at most 1 MiB each when it opens a file."""

_PNG_TEXTS = frozenset({b"zTXt", b"iTXt", b"iCCP"})
_UNCOMPRESSED_BMP = frozenset({0, 3})
_SMALLEST_BMP_HEADER = 40


def jpeg_structure(data: bytes) -> JpegStructure | None:
    """A JPEG's markers, up to more than a thread may decode; ``None`` for other files."""
    return read_structure(data, _MAX_JPEG_MARKERS) if sniff(data) == "JPEG" else None


def needs_worker(
    data: bytes,
    limits: Limits,
    isolation: Isolation = Isolation.ODD,
    structure: JpegStructure | None = None,
) -> bool:
    """Whether a file must not be decoded in a thread of the scan.

    Args:
        data: the whole file.
        limits: what is refused from the header is refused in a thread, at once.
        isolation: which files are isolated.
        structure: what ``jpeg_structure`` says, where it was asked already.
    """
    announced = sniff(data)
    if announced not in registered_formats():
        return False
    if isolation is Isolation.ALL:
        return True
    if limits.truncated is TruncatedPolicy.SCORE and announced != "JPEG":
        return True
    effort = _effort(data, announced, structure)
    if effort is None:
        return True
    pixels, passes = effort
    is_refused = pixels > limits.max_pixels
    seconds = pixels * passes / _PIXELS_A_SECOND
    return not is_refused and seconds > limits.timeout_s * _TIME_SHARE


def _effort(data: bytes, announced: str, structure: JpegStructure | None) -> tuple[int, int] | None:
    """Pixels, and how often each is visited; ``None`` where the structure does not bound it."""
    match announced:
        case "JPEG":
            structure = structure or read_structure(data, _MAX_JPEG_MARKERS)
            passes = max(1, structure.scans)
            return (structure.width * structure.height, passes) if structure.is_whole else None
        case "PNG":
            return _png_effort(data)
        case "WEBP":
            size = webp_size(data)
            return None if size is None else (size[0] * size[1], 1)
        case "BMP":
            header, width, height = (_little(data, at) for at in (14, 18, 22))
            is_plain = header >= _SMALLEST_BMP_HEADER and _little(data, 30) in _UNCOMPRESSED_BMP
            # A negative height is that of a picture stored from its top.
            return (width * min(height, 2**32 - height), 1) if is_plain else None
    return None


def _png_effort(data: bytes) -> tuple[int, int] | None:
    texts = 0
    for number, (kind, _) in enumerate(png_chunks(data)):
        texts += kind in _PNG_TEXTS
        if texts > _MAX_PNG_TEXTS or number > _MAX_PNG_CHUNKS:
            return None
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return width * height, 1


def _little(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
