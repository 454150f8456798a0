"""Zeros at the end of image data, as a preallocated download or a pulled card leaves them.

The arithmetic coders of VP8, AV1 and HEVC never write many zeros in a row, and compressed strips of
a TIFF end in a code that is none. Plain pixels end in zeros where a picture is black.
"""

ZEROS = 1024
"""Fewest zero bytes at the end of image data that look as if they were never written."""

CODED_ZEROS = 64
"""Fewest zero bytes for arithmetic coders. Those of flat pictures write four in a row at most."""

UNWRITTEN = "its pixel data ends in zeros, as if never written"

_BLOCK = 1 << 16


def ends_in_zeros(data: bytes, part: slice | None = None, zeros: int = ZEROS) -> bool:
    """Return whether a part of a file ends in so many zeros, or holds zeros only."""
    start, end, _ = (part or slice(None)).indices(len(data))
    tail = data[max(start, end - zeros) : end]
    return bool(tail) and not tail.strip(b"\0")


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
