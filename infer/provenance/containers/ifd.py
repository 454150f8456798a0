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
        if self._order:
            self._read(self._number(4), is_first=True)

    def _number(self, position: int) -> int:
        if position + 4 > len(self._block):
            return 0
        (value,) = struct.unpack_from(f"{self._order}I", self._block, position)
        return int(value)

    def _read(self, position: int, *, is_first: bool) -> None:
        if not 8 <= position <= len(self._block) - 2:
            return
        (count,) = struct.unpack_from(f"{self._order}H", self._block, position)
        available = (len(self._block) - position - 2) // 12
        entry = struct.Struct(f"{self._order}HHI")
        below = 0
        for index in range(min(count, available, _MAX_ENTRIES)):
            place = position + 2 + 12 * index
            tag, kind, length = entry.unpack_from(self._block, place)
            if tag == EXIF_DIRECTORY and is_first:
                below = self._number(place + 8)
            elif tag in self._wanted and tag not in self.values:
                self.values[tag] = self._value(place, kind, length)
        if below:
            self._read(below, is_first=False)

    def _value(self, place: int, kind: int, length: int) -> bytes:
        size = _SIZES.get(kind, 0) * length
        start = place + 8 if size <= 4 else self._number(place + 8)
        return self._block[start : start + min(size, MAX_BYTES)]


def tiff_segments(data: bytes) -> Iterator[Segment]:
    """Segments of a TIFF: the file itself as EXIF, and the blocks that its directory names."""
    yield Segment(Kind.EXIF, data)
    for tag, value in Directories(data, frozenset(_KINDS)).values.items():
        if value:
            yield Segment(_KINDS[tag], value)
