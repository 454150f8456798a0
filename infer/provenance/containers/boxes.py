"""Metadata segments of AVIF and HEIF: items of the ``meta`` box, and C2PA's ``uuid`` box.

Source: ISO/IEC 14496-12, sections 8.11 and 4.2; C2PA 2.2, appendix A.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .segments import MAX_BLOCKS, MAX_BYTES, MAX_MANIFEST, MAX_SEGMENTS, Kind, Segment

_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MANIFEST = b"manifest\0"
_XMP_TYPE = b"application/rdf+xml"
_MAX_ITEMS = 4096


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


def box_segments(data: bytes) -> Iterator[Segment]:
    """Segments of an AVIF or HEIF."""
    for box in _boxes(data, 0, len(data)):
        if box.kind == b"meta":
            yield from _meta_segments(data, box)
        elif box.kind == b"uuid" and data[box.start : box.start + 16] == _C2PA_UUID:
            # A version and flags, the purpose, and an offset of eight bytes stand in front.
            purpose = box.start + 20
            if data.startswith(_MANIFEST, purpose) and box.end - box.start <= MAX_MANIFEST:
                yield Segment(Kind.C2PA, data[purpose + len(_MANIFEST) + 8 : box.end])


def _boxes(data: bytes, position: int, end: int) -> Iterator[_Box]:
    for _ in range(MAX_BLOCKS):
        if position + 8 > end:
            return
        size, start = _number(data, position, 4), position + 8
        kind = data[position + 4 : position + 8]
        if size == 1:
            size, start = _number(data, start, 8), start + 8
        elif size == 0:
            size = end - position
        if size < start - position or position + size > end:
            return
        position += size
        yield _Box(kind, start, position)


def _number(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(data[position : position + size], "big")


def _meta_segments(data: bytes, meta: _Box) -> Iterator[Segment]:
    inside = {box.kind: box for box in _boxes(data, meta.start + 4, meta.end)}
    if b"iinf" not in inside or b"iloc" not in inside:
        return
    kinds = _item_kinds(data, inside[b"iinf"])
    if not kinds:
        return
    for number, content in _items(data, inside[b"iloc"], inside.get(b"idat"), frozenset(kinds)):
        if kinds[number] is Kind.EXIF:
            # Four bytes say where the TIFF header begins.
            content = content[4 + _number(content, 0, 4) :]
        yield Segment(kinds[number], content)


def _item_kinds(data: bytes, box: _Box) -> dict[int, Kind]:
    """Kinds of the metadata items, by their number."""
    kinds: dict[int, Kind] = {}
    first = box.start + (6 if data[box.start : box.start + 1] == b"\0" else 8)
    for entry in _boxes(data, first, box.end):
        version = data[entry.start]
        if entry.kind != b"infe" or version not in (2, 3) or len(kinds) >= MAX_SEGMENTS:
            continue
        size = 2 if version == 2 else 4
        number = _number(data, entry.start + 4, size)
        kind = entry.start + 6 + size
        if data[kind : kind + 4] == b"Exif":
            kinds[number] = Kind.EXIF
        elif data[kind : kind + 4] == b"mime":
            # A name, then the media type, each ended by a zero.
            texts = data[kind + 4 : entry.end].split(b"\0", 2)
            if len(texts) > 1 and texts[1] == _XMP_TYPE:
                kinds[number] = Kind.XMP
    return kinds


def _items(
    data: bytes, box: _Box, idat: _Box | None, wanted: frozenset[int]
) -> Iterator[tuple[int, bytes]]:
    """Contents of the wanted items, each at most ``MAX_BYTES`` long."""
    version = data[box.start] if box.start < box.end else 0
    if version > 2 or box.start + 8 > box.end:
        return
    sizes = data[box.start + 4 : box.start + 6]
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    position = box.start + 6
    wide = 4 if version == 2 else 2
    count = _number(data, position, wide)
    position += wide
    for _ in range(min(count, _MAX_ITEMS)):
        number = _number(data, position, wide)
        position += wide
        method = 0
        if version:
            method = _number(data, position, 2) & 15
            position += 2
        position += 2
        base = _number(data, position, base_size)
        position += base_size
        extents = _number(data, position, 2)
        position += 2
        each = index_size + offset_size + length_size
        if position + extents * each > box.end:
            return
        # Several extents are legal; no writer of metadata uses them.
        if number in wanted and extents == 1 and method in (0, 1):
            start = base + _number(data, position + index_size, offset_size)
            length = _number(data, position + index_size + offset_size, length_size)
            if method == 1:
                start += idat.start if idat is not None else len(data)
            yield number, data[start : start + min(length, MAX_BYTES)]
        position += extents * each
