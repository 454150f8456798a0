"""Pixels that a file lacks and that its decoder fills in silently.

Pillow reports most cuts itself. Left are a PNG whose compressed data ends early although all its
chunks are sound, a TIFF whose strips do not cover the picture, and JPEG data inside a TIFF.
"""

import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from .container import TIFF_DATA_TAGS, png_chunks
from .errors import ImageError
from .jpeg import decode_jpeg
from .results import FileStatus

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type (PNG specification, table 11.1)."""

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_ADAM7_LAST = (0, 1, 1, 2)
"""First column, first row, and the steps of both, of each pass (PNG specification, 8.2)."""

_COMPRESSION, _PLANES, _JPEG_TABLES = 259, 284, 347
_OLD_JPEG, _JPEG = 6, 7
"""TIFF tags, and values of the first (TIFF 6.0; Adobe's technical note 2)."""

_PART = 1 << 18


def refuse_unfilled(image: Image.Image, data: bytes) -> None:
    """Refuse a loaded PNG if rows at its end were never written.

    Raises:
        ImageError: ``truncated``.
    """
    if image.format != "PNG":
        return
    is_interlaced = bool(data[28:29] != b"\0")
    # Rows that no data came for are zero. Only then is it worth inflating the file once more.
    last = image.crop((0, image.height - 1, image.width, image.height))
    if (is_interlaced or not np.asarray(last).any()) and _inflated_size_is_short(data):
        raise ImageError(FileStatus.TRUNCATED, "its pixel data ends early")


def refuse_uncovered(image: Image.Image, data: bytes, *, fill_gaps: bool = False) -> None:
    """Refuse an opened, not yet loaded TIFF whose strips or tiles are missing or damaged.

    Raises:
        ImageError: ``truncated``, ``corrupt`` or ``unsupported``.
    """
    if image.format != "TIFF":
        return
    tags = getattr(image, "tag_v2", {})
    if tags.get(_COMPRESSION) == _OLD_JPEG:
        raise ImageError(FileStatus.UNSUPPORTED, "old-style JPEG in TIFF is not supported")
    if tags.get(_COMPRESSION) == _JPEG:
        for stream in _jpeg_streams(tags, data):
            decode_jpeg(stream, fill_gaps=fill_gaps)
    tiles = getattr(image, "tile", [])
    if fill_gaps or not tiles or any(tile[0] != "raw" for tile in tiles):
        # libtiff misses strips by itself.
        return
    planes = len(image.getbands()) if tags.get(_PLANES) == 2 else 1
    boxes = [tile[1] for tile in tiles]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    if covered < image.width * image.height * planes:
        raise ImageError(FileStatus.TRUNCATED, "its strips do not cover the picture")


def _inflated_size_is_short(data: bytes) -> bool:
    wanted = _png_inflated_size(data)
    inflate = zlib.decompressobj()
    size = 0
    try:
        for kind, content in png_chunks(data):
            if kind != b"IDAT":
                continue
            rest = data[content]
            while rest and not inflate.eof and size < wanted:
                size += len(inflate.decompress(rest, _PART))
                rest = inflate.unconsumed_tail
        while size < wanted and (more := inflate.decompress(b"", _PART)):
            size += len(more)
    except zlib.error:
        return True
    return size < wanted


def _png_inflated_size(data: bytes) -> int:
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    bits = data[24] * _PNG_CHANNELS.get(data[25], 1)
    passes = (*_ADAM7, _ADAM7_LAST) if data[28] else ((0, 0, 1, 1),)
    size = 0
    for column, row, column_step, row_step in passes:
        columns = max(0, -(-(width - column) // column_step))
        rows = max(0, -(-(height - row) // row_step))
        if columns:
            size += rows * (1 + (columns * bits + 7) // 8)
    return size


def _jpeg_streams(tags: "dict[int, object]", data: bytes) -> Iterator[bytes]:
    """The strips or tiles of a TIFF as JPEG files of their own."""
    tables = tags.get(_JPEG_TABLES, b"")
    # The tables are a JPEG without a picture: start mark, tables, end mark.
    prefix = bytes(tables[:-2]) if isinstance(tables, bytes) and len(tables) > 4 else b"\xff\xd8"
    for offsets, sizes in TIFF_DATA_TAGS:
        starts, lengths = tags.get(offsets, ()), tags.get(sizes, ())
        if not isinstance(starts, tuple) or not isinstance(lengths, tuple):
            continue
        for start, length in zip(starts, lengths, strict=False):
            if start + length > len(data):
                raise ImageError(FileStatus.TRUNCATED, "its strips are cut off")
            yield prefix + data[start + 2 : start + length]
