"""Strips and tiles of a TIFF: what they must hold, and what is missing or damaged.

All tags and values are those of TIFF 6.0 and Adobe's technical note 2.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ...errors import ImageError
from ...results import FileStatus
from .strict_jpeg.decode import decode_jpeg
from .tails import UNWRITTEN, ends_in_zeros

_WIDTH, _HEIGHT, _BITS, COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _ROWS_PER_STRIP, PLANES, _EXTRA_SAMPLES = 277, 278, 284, 338
_TILE_WIDTH, _TILE_HEIGHT, _JPEG_TABLES = 322, 323, 347
"""Tags."""

STRIPS, TILES = (273, 279), (324, 325)
"""Tags of the offsets and byte counts of strips and of tiles (TIFF 6.0, sections 3 and 15)."""

RAW, _OLD_JPEG, _JPEG, _DEFLATE, _PACKBITS = 1, 6, 7, frozenset({8, 32946}), 32773
_NEVER_ZERO = _DEFLATE | {5, _JPEG, _PACKBITS, 34925, 50000}
"""Compressions, and those whose strips never end in zeros: Deflate, LZW, JPEG, PackBits, LZMA,
Zstandard. Fax codes fill up with zeros, and lossless WebP can code pixels as zeros."""

_YCBCR, SEPARATE, _PREMULTIPLIED = 6, 2, 1
"""Values of the photometric interpretation, the planes and an extra sample."""

_BLOCK = 1 << 18

Tags = Mapping[int, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A strip or tile.

    Attributes:
        start: place in the file.
        size: bytes in the file, as the file declares.
        pixels: bytes of its pixels without compression; 0 if unknown.
        most: most bytes of its pixels, whatever their subsampling.
    """

    start: int
    size: int
    pixels: int
    most: int

    @property
    def place(self) -> slice:
        """Place of its bytes in the file."""
        return slice(self.start, self.start + self.size)


def parts_of(tags: Tags) -> list[Part]:
    """Return all strips or tiles of the first picture, in the order of its pixels.

    Raises:
        ImageError: ``truncated`` if there are fewer than the picture needs.
    """
    width, height, samples = tags[_WIDTH], tags[_HEIGHT], tags.get(_SAMPLES, 1)
    bits = tags.get(_BITS, (1,))
    bits = bits[:samples] if len(bits) >= samples else bits[:1] * samples
    layers = bits if tags.get(PLANES) == SEPARATE else (sum(bits),)
    across, down = tags.get(_TILE_WIDTH, width), tags.get(_TILE_HEIGHT, height)
    place = STRIPS
    if STRIPS[0] in tags:
        across, down = width, min(tags.get(_ROWS_PER_STRIP, height), height)
    else:
        place = TILES
    starts, sizes = (tags.get(tag, ()) for tag in place)
    rows = -(-height // down)
    in_layer = rows * -(-width // across)
    if len(starts) < in_layer * len(layers):
        raise ImageError(FileStatus.TRUNCATED, "its strips do not cover the picture")
    if in_layer * len(layers) == 1:
        # As Pillow has it, the last counts.
        starts, sizes = starts[-1:], sizes[-1:]
    is_subsampled = tags.get(_PHOTOMETRIC) == _YCBCR
    parts = []
    for number, (start, size) in enumerate(zip(starts, sizes, strict=False)):
        if number == in_layer * len(layers):
            break
        row = number % in_layer
        lines = min(down, height - row * down) if place is STRIPS else down
        line = (across * layers[number // in_layer] + 7) // 8
        parts.append(Part(start, size, 0 if is_subsampled else line * lines, line * lines))
    return parts


def refuse_damaged(image: Image.Image, data: bytes) -> None:
    """Refuse an opened, not yet loaded TIFF whose strips or tiles are missing or damaged.

    Raises:
        ImageError: ``truncated``, ``corrupt`` or ``unsupported``.
    """
    tags: Tags = getattr(image, "tag_v2", {})
    compression = tags.get(COMPRESSION, RAW)
    if compression == _OLD_JPEG:
        raise ImageError(FileStatus.UNSUPPORTED, "old-style JPEG in TIFF is not supported")
    if tags.get(PLANES) == SEPARATE and _has_wrong_planes(image, tags):
        raise ImageError(FileStatus.UNSUPPORTED, "TIFF with such planes is not supported")
    parts = parts_of(tags)
    if compression == RAW:
        _refuse_short(parts, tags, data)
    elif compression in _NEVER_ZERO and any(ends_in_zeros(data, part.place) for part in parts):
        raise ImageError(FileStatus.TRUNCATED, UNWRITTEN)
    if compression == _JPEG:
        for stream in _jpeg_streams(parts, tags, data):
            decode_jpeg(stream)
    if compression in _DEFLATE:
        largest = max(part.most for part in parts) + _BLOCK
        for part in parts:
            _inflate(part, data, largest)
    if compression == _PACKBITS:
        for part in parts:
            if part.pixels:
                _refuse_wrong_runs(part, data)


def _has_wrong_planes(image: Image.Image, tags: Tags) -> bool:
    """Return whether Pillow mixes up the planes of a picture, or takes none."""
    is_premultiplied = _PREMULTIPLIED in tags.get(_EXTRA_SAMPLES, ())
    is_ycbcr = tags.get(_PHOTOMETRIC) == _YCBCR
    return image.mode == "LA" or (image.mode == "RGBA" and is_premultiplied) or is_ycbcr


def _refuse_short(parts: list[Part], tags: Tags, data: bytes) -> None:
    for part in parts:
        if part.start + part.size > len(data):
            raise ImageError(FileStatus.TRUNCATED, "its strips are cut off")
        if part.size < part.pixels:
            raise ImageError(FileStatus.TRUNCATED, "its strips hold too few bytes for its pixels")
    if tags.get(_PHOTOMETRIC) == _YCBCR:
        pixels = tags[_WIDTH] * tags[_HEIGHT] * tags.get(_SAMPLES, 1)
        if sum(part.size for part in parts) < pixels:
            raise ImageError(FileStatus.UNSUPPORTED, "subsampled raw TIFF is not supported")


def _inflate(part: Part, data: bytes, largest: int) -> None:
    """Check a strip's checksum and length.

    Args:
        part: the strip.
        data: the whole file.
        largest: most bytes of a sound strip. Some programs fill the last one up to the size of the
            others, which libtiff passes over.

    Raises:
        ImageError: ``truncated`` or ``corrupt``.
    """
    inflate = zlib.decompressobj()
    rest, size = data[part.place], 0
    try:
        while not inflate.eof and size <= largest:
            block = inflate.decompress(rest, _BLOCK)
            rest = inflate.unconsumed_tail
            size += len(block)
            if not block and not rest:
                break
    except zlib.error as error:
        raise ImageError(FileStatus.CORRUPT, f"a strip cannot be inflated: {error}") from error
    if size < part.pixels:
        raise ImageError(FileStatus.TRUNCATED, "a strip ends early")
    if not inflate.eof:
        raise ImageError(FileStatus.CORRUPT, "a strip holds more than its pixels")


def _refuse_wrong_runs(part: Part, data: bytes) -> None:
    """Refuse a PackBits strip whose runs are not as long as its pixels (TIFF 6.0, section 9).

    Raises:
        ImageError: ``truncated`` or ``corrupt``.
    """
    at, end, size = part.start, part.start + part.size, 0
    while at < end and size < part.pixels:
        head = data[at]
        if head < 128:
            at, size = at + head + 2, size + head + 1
        elif head > 128:
            at, size = at + 2, size + 257 - head
        else:
            at += 1
    if size < part.pixels:
        raise ImageError(FileStatus.TRUNCATED, "a strip ends early")
    if size > part.pixels or at > end or data[at:end].strip(b"\0\x80"):
        raise ImageError(FileStatus.CORRUPT, "a strip holds more than its pixels")


def _jpeg_streams(parts: list[Part], tags: Tags, data: bytes) -> Iterator[bytes]:
    """Return the strips or tiles as JPEG files of their own."""
    tables = tags.get(_JPEG_TABLES, b"")
    # The tables are a JPEG without a picture: start mark, tables, end mark.
    prefix = bytes(tables[:-2]) if isinstance(tables, bytes) and len(tables) > 4 else b"\xff\xd8"
    for part in parts:
        if part.start + part.size > len(data):
            raise ImageError(FileStatus.TRUNCATED, "its strips are cut off")
        yield prefix + data[part.start + 2 : part.start + part.size]
