"""Boxes of the ISO base media file format, which holds AVIF and HEIF, and the places of their
pixels.

Source: ISO/IEC 14496-12, sections 4.2 (boxes), 8.11.3 (``iloc``) and 8.11.6 (``iinf``).
"""

import struct
from collections.abc import Iterator
from contextlib import suppress

from ...errors import ImageError
from ...results import FileStatus
from .tails import (
    AV1_RUNS,
    CODED_ZEROS,
    HEVC_RUNS,
    OVERWRITTEN,
    UNWRITTEN,
    Runs,
    ends_in_zeros,
    holds_a_run,
)

_CODED = {b"av01": AV1_RUNS} | dict.fromkeys(
    (b"hvc1", b"hev1", b"lhv1", b"avc1", b"vvc1"), HEVC_RUNS
)
"""Types of items that are entropy-coded pictures, or tiles of one, and what none of them holds."""


def boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, slice]]:
    """Return the type of each box of a range, and the place of its content.

    The last box may reach beyond the end of the file.

    Raises:
        struct.error: the file ends in the middle of a box's head.
    """
    end = len(data) if stop is None else min(stop, len(data))
    while start < end:
        (size,) = struct.unpack_from(">I", data, start)
        kind, head = data[start + 4 : start + 8], 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        if size == 0:
            # This box extends to the end of the file.
            size = end - start
        if size < head:
            return
        yield kind, slice(start + head, start + size)
        start += size


def boxes_are_cut(data: bytes) -> bool:
    """Return whether the last box reaches beyond the end of the file, or was never written."""
    last = max((content.stop for _, content in boxes(data)), default=0)
    return last > len(data) or ends_in_zeros(data)


def end_of_boxes(data: bytes) -> int:
    """Return the end of the last box with a readable type, at most the end of the file."""
    end = 0
    with suppress(struct.error):
        for kind, content in boxes(data):
            if not kind.isalnum():
                break
            end = content.stop
    return min(end, len(data))


def refuse_lost_pixels(data: bytes) -> None:
    """Refuse a file in which an entropy-coded picture was not written, or overwritten.

    Raises:
        ImageError: ``truncated`` or ``corrupt``.
    """
    try:
        places = list(_coded_places(data))
    except (struct.error, IndexError):
        places = []
    # A sequence of frames, or a head that only the decoder can judge.
    all_data = [place for place, _ in places] or [
        content for kind, content in boxes(data) if kind == b"mdat"
    ]
    if any(ends_in_zeros(data, place, CODED_ZEROS) for place in all_data):
        raise ImageError(FileStatus.TRUNCATED, UNWRITTEN)
    if any(holds_a_run(data, place, runs) for place, runs in places):
        raise ImageError(FileStatus.CORRUPT, OVERWRITTEN)


def _coded_places(data: bytes) -> Iterator[tuple[slice, Runs]]:
    """Return the places of all coded items of the file's ``meta`` box, and what none holds."""
    meta = next((content for kind, content in boxes(data) if kind == b"meta"), slice(0, 0))
    parts = dict(boxes(data, meta.start + 4, meta.stop))
    if not {b"iinf", b"iloc"} <= parts.keys():
        return
    coded = dict(_coded_items(data, parts[b"iinf"]))
    for item, place in _item_places(data, parts[b"iloc"].start):
        if item in coded:
            yield place, coded[item]


def _coded_items(data: bytes, items: slice) -> Iterator[tuple[int, Runs]]:
    entries = items.start + (6 if data[items.start] == 0 else 8)
    for kind, entry in boxes(data, entries, items.stop):
        number = "H" if data[entry.start] == 2 else "I"
        item, _, type_ = struct.unpack_from(f">{number}H4s", data, entry.start + 4)
        if kind == b"infe" and type_ in _CODED:
            yield item, _CODED[type_]


def _item_places(data: bytes, at: int) -> Iterator[tuple[int, slice]]:
    """Return item numbers and places in the file, from the content of an ``iloc`` box."""
    version, sizes = data[at], data[at + 4 : at + 6]
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    number_size = 4 if version == 2 else 2
    at += 6

    def take(size: int) -> int:
        nonlocal at
        at += size
        if at > len(data):
            raise IndexError
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(take(number_size)):
        item = take(number_size)
        method = take(2) & 15 if version else 0
        take(2)
        base = take(base_size)
        for _ in range(take(2)):
            take(index_size)
            start = base + take(offset_size)
            length = take(length_size)
            if method == 0:
                yield item, slice(start, start + length if length else len(data))
