"""Directories of TIFF: a TIFF file's own, and those in a block of EXIF."""

import struct
from collections.abc import Iterator

from .segments import MAX_BYTES, Kind, Segment

_MAX_ENTRIES = 512
"""Entries of a directory that are looked at; usual ones have fewer than a hundred."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 9: 4}
"""Bytes of the types that texts, blocks and pointers have (TIFF 6.0, section 2)."""

EXIF_DIRECTORY = 0x8769
_XMP, _IPTC, _C2PA = 700, 33723, 0xCD41

_KINDS = {_XMP: Kind.XMP, _IPTC: Kind.IIM, _C2PA: Kind.C2PA}


class Directories:
    """Tags of the first directory and of the EXIF directory below it.

    Args:
        block: from the byte order on.
        wanted: tags whose values are kept.
    """

    def __init__(self, block: bytes, wanted: frozenset[int]) -> None:
        self._block = block
        self._wanted = wanted
        self._order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4], "")
        self.values: dict[int, bytes] = {}
        if self._order and len(block) >= 8:
            (start,) = struct.unpack_from(f"{self._order}I", block, 4)
            self._read(start, is_first=True)

    def _read(self, position: int, *, is_first: bool) -> None:
        if not 8 <= position <= len(self._block) - 2:
            return
        (count,) = struct.unpack_from(f"{self._order}H", self._block, position)
        number = min(count, (len(self._block) - position - 2) // 12, _MAX_ENTRIES)
        # All tags in one call: most of a camera's are none of those that are wanted.
        tags = struct.unpack_from(self._order + "H10x" * number, self._block, position + 2)
        entry = f"{self._order}2xHII"
        for tag in self._wanted.intersection(tags):
            if tag not in self.values:
                place = position + 2 + 12 * tags.index(tag)
                kind, length, start = struct.unpack_from(entry, self._block, place)
                self.values[tag] = self._value(place, kind, length, start)
        if is_first and EXIF_DIRECTORY in tags:
            last = number - 1 - tags[::-1].index(EXIF_DIRECTORY)
            _, _, start = struct.unpack_from(entry, self._block, position + 2 + 12 * last)
            self._read(start, is_first=False)

    def _value(self, place: int, kind: int, length: int, start: int) -> bytes:
        size = _SIZES.get(kind, 0) * length
        if size <= 4:
            start = place + 8
        return self._block[start : start + min(size, MAX_BYTES)]


def tiff_segments(data: bytes) -> Iterator[Segment]:
    """Segments of a TIFF: the file itself as EXIF, and the blocks that its directory names."""
    yield Segment(Kind.EXIF, data)
    values = Directories(data, frozenset(_KINDS)).values
    for tag, kind in _KINDS.items():
        if values.get(tag):
            yield Segment(kind, values[tag])
