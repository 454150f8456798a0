"""Metadata segments of the formats that are chains of chunks: PNG, WebP and GIF."""

import zlib
from collections.abc import Iterator

from ...images.formats.png import png_chunks
from .jpeg import EXIF_PREFIX, XMP_PREFIX, photoshop_segments
from .segments import MAX_BLOCKS, MAX_BYTES, MAX_MANIFEST, Kind, Segment

_MAX_KEYWORD = 79
"""Bytes of a keyword (PNG specification, 11.3.3.1)."""


def png_segments(data: bytes) -> Iterator[Segment]:
    """Segments of a PNG's chunks up to ``IEND``."""
    left = 4 * MAX_BYTES
    for number, (kind, place) in enumerate(png_chunks(data)):
        if kind == b"IEND" or number > MAX_BLOCKS:
            return
        if kind == b"IDAT":
            continue
        if kind in _PNG_TEXTS and left > 0:
            text = _png_text(kind, data[place.start : min(place.stop, place.start + MAX_BYTES)])
            if text is not None:
                left -= len(text.content)
                yield from _png_kinds(text)
        elif kind == b"eXIf":
            yield Segment(Kind.EXIF, data[place.start : min(place.stop, place.start + MAX_BYTES)])
        elif kind == b"caBX" and place.stop - place.start <= MAX_MANIFEST:
            yield Segment(Kind.C2PA, data[place])


_COMFY = b"comf"
"""A chunk of ComfyUI's animations, laid out like ``tEXt``."""

_PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt", _COMFY})
_PNG_XMP = "XML:com.adobe.xmp"
_RAW_PROFILES = {
    "Raw profile type exif": Kind.EXIF,
    "Raw profile type APP1": Kind.EXIF,
    "Raw profile type iptc": Kind.IIM,
    "Raw profile type xmp": Kind.XMP,
}


def _png_text(kind: bytes, content: bytes) -> Segment | None:
    """A text chunk in UTF-8; ``None`` where it is damaged."""
    keyword, end, rest = content[: _MAX_KEYWORD + 1].partition(b"\0")
    if not end:
        return None
    rest = content[len(keyword) + 1 :]
    name = keyword.decode("latin-1")
    if kind in (b"tEXt", _COMFY):
        return Segment(Kind.TEXT, rest.decode("latin-1").encode(), name)
    if kind == b"zTXt":
        text = _inflated(rest[1:])
        return None if text is None else Segment(Kind.TEXT, text.decode("latin-1").encode(), name)
    if len(rest) < 2:
        return None
    is_compressed = rest[0] == 1
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3:
        return None
    inflated = _inflated(parts[2]) if is_compressed else parts[2]
    return None if inflated is None else Segment(Kind.TEXT, inflated, name)


def _inflated(content: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(content, MAX_BYTES)
    except zlib.error:
        return None


def _png_kinds(text: Segment) -> Iterator[Segment]:
    """The segment that a text stands for: itself, or a block that a writer put into text."""
    if text.keyword == _PNG_XMP:
        yield Segment(Kind.XMP, text.content)
    elif (kind := _RAW_PROFILES.get(text.keyword)) is not None:
        # As ImageMagick writes it: a line feed, a name, a length, and hexadecimal digits.
        digits = b"".join(text.content.split(b"\n")[3:])
        try:
            block = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            return
        if kind is Kind.IIM and block.startswith(b"8BIM"):
            yield from photoshop_segments(block)
        elif block.startswith(XMP_PREFIX):
            yield Segment(Kind.XMP, block[len(XMP_PREFIX) :])
        else:
            yield Segment(kind, block.removeprefix(EXIF_PREFIX))
    else:
        yield text


_RIFF_KINDS = {b"EXIF": Kind.EXIF, b"XMP ": Kind.XMP, b"C2PA": Kind.C2PA}


def webp_segments(data: bytes) -> Iterator[Segment]:
    """Segments of a WebP's chunks up to the length that the file declares."""
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    position = 12
    for _ in range(MAX_BLOCKS):
        if position + 8 > end:
            return
        kind = _RIFF_KINDS.get(data[position : position + 4])
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        start, position = position + 8, position + 8 + length + length % 2
        if kind is None or start + length > end:
            continue
        if length <= (MAX_MANIFEST if kind is Kind.C2PA else MAX_BYTES):
            yield Segment(kind, data[start : start + length])


_XMP_BLOCK, _C2PA_BLOCK = b"XMP DataXMP", b"C2PA_GIF\x01\0\0"
_MAGIC_TRAILER = 258


def gif_segments(data: bytes) -> Iterator[Segment]:
    """Application blocks of a GIF up to its trailer (GIF89a, appendix)."""
    position = 13 + _colour_table(data[10:11])
    blocks = 0
    while position < len(data) and blocks < MAX_BLOCKS:
        introducer = data[position]
        if introducer == 0x2C:
            start = position + 11 + _colour_table(data[position + 9 : position + 10])
            position, blocks = _after_sub_blocks(data, start, blocks)
        elif introducer == 0x21:
            label, start = data[position + 1 : position + 2], position + 2
            position, blocks = _after_sub_blocks(data, start, blocks)
            if label == b"\xff":
                yield from _gif_application(data[start:position])
        else:
            return


def _colour_table(flags: bytes) -> int:
    return 3 * (2 << (flags[0] & 7)) if flags and flags[0] & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int, blocks: int) -> tuple[int, int]:
    """Position behind a chain of sub-blocks, and blocks passed so far."""
    while position < len(data) and data[position] and blocks < MAX_BLOCKS:
        position += 1 + data[position]
        blocks += 1
    return position + 1, blocks + 1


def _gif_application(content: bytes) -> Iterator[Segment]:
    name, rest = content[1:12], content[12:]
    if name == _XMP_BLOCK:
        # Not in sub-blocks: the packet lies there as it is, then a trailer that ends any chain.
        yield Segment(Kind.XMP, rest[:-_MAGIC_TRAILER][:MAX_BYTES])
    elif name[:8] == _C2PA_BLOCK[:8]:
        yield Segment(Kind.C2PA, _joined(rest))


def _joined(chain: bytes) -> bytes:
    parts, position = [], 0
    while position < len(chain) and chain[position]:
        parts.append(chain[position + 1 : position + 1 + chain[position]])
        position += 1 + chain[position]
    return b"".join(parts)[:MAX_MANIFEST]
