"""Bytes that were never written, or overwritten: zeros at the end of image data, and runs inside.

The arithmetic coders of AV1 and HEVC never write many zeros or ones in a row, and VP8's only for
flat pictures. Compressed strips of a TIFF end in a code that is none. Plain pixels end in zeros
where a picture is black.
"""

ZEROS = 1024
"""Fewest zero bytes at the end of image data that look as if they were never written."""

CODED_ZEROS = 64
"""Fewest zero bytes for arithmetic coders. AV1 writes seven in a row at most."""

Runs = tuple[bytes, bytes]
"""Runs of zeros and of 255 that a coder never writes."""

AV1_RUNS: Runs = (bytes(24), b"\xff" * 64)
HEVC_RUNS: Runs = (bytes(16), b"\xff" * 24)
WEBP_RUNS: Runs = (bytes(32), b"\xff" * 64)
"""At least twice what was measured on photographs and on flat, striped and checkered pictures: AV1
writes 7 and 29 bytes in a row at most, HEVC 3 and 6. WebP writes any number for flat pictures."""

UNWRITTEN = "its pixel data ends in zeros, as if never written"
OVERWRITTEN = "its pixel data holds a run of equal bytes, as if overwritten"

_BLOCK = 1 << 16


def ends_in_zeros(data: bytes, part: slice | None = None, zeros: int = ZEROS) -> bool:
    """Return whether a part of a file ends in so many zeros, or holds zeros only."""
    start, end, _ = (part or slice(None)).indices(len(data))
    tail = data[max(start, end - zeros) : end]
    return bool(tail) and not tail.strip(b"\0")


def holds_a_run(data: bytes, part: slice, runs: Runs) -> bool:
    """Return whether a part of a file holds such a run of zeros or of 255."""
    start, end, _ = part.indices(len(data))
    return any(data.find(run, start, end) >= 0 for run in runs)


def rest_note(data: bytes, end: int) -> str:
    """Return a note on what follows the end of a file, if it is more than zeros; else empty.

    Args:
        data: the whole file.
        end: end of the file by its own structure.
    """
    if end >= len(data) or not data[end:].strip(b"\0"):
        return ""
    return f"{len(data) - end} bytes follow its end: another file, or its data are shifted"


def zeros_at_end(data: bytes, part: slice) -> int:
    """Return the number of zero bytes at the end of a part of a file."""
    start, stop, _ = part.indices(len(data))
    end = stop
    # In blocks, because a copy of all pixels would take memory that nothing accounts for.
    while end > start:
        first = max(start, end - _BLOCK)
        kept = first + len(data[first:end].rstrip(b"\0"))
        if kept > first:
            return stop - kept
        end = first
    return max(0, stop - start)


def zeros_note(zeros: int, size: int) -> str:
    """Return a note on plain pixel data that ends in zeros; empty if too few to matter.

    Args:
        zeros: zero bytes at the end.
        size: bytes of all pixels.
    """
    if zeros < ZEROS:
        return ""
    return f"the last {zeros} of its {size} bytes of pixels are zeros: black, or never written"
