"""PNG: chunks, their damage, and rows that were never written.

Pillow checks no sums of pixel data, and fills rows that it cannot inflate.
"""

import re
import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import Image, ImageFile

from ...errors import ImageError
from ...results import FileStatus
from ..encoded import Cost, EncodedImage, Format
from ..limits import Limits
from .pillow import Checks, PillowFile, open_image, plugin

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel by colour type (PNG specification, table 11.1)."""

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_ADAM7_LAST = (0, 1, 1, 2)
"""First column, first row, and the steps of both, of each pass (PNG specification, 8.2)."""


_PART = 1 << 18


def refuse_unfilled(image: Image.Image, data: bytes) -> None:
    """Refuse a loaded PNG if rows at its end were never written.

    Raises:
        ImageError: ``truncated``.
    """
    is_interlaced = bool(data[28:29] != b"\0")
    # Rows without data are zero. Only then is it worth inflating the file once more.
    last = image.crop((0, image.height - 1, image.width, image.height))
    if (is_interlaced or not np.asarray(last).any()) and _inflated_size_is_short(data):
        raise ImageError(FileStatus.TRUNCATED, "its pixel data ends early")


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


_MAGIC = b"\x89PNG\r\n\x1a\n"


_PNG_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def png_damage(data: bytes) -> str:
    """Return a PNG's first chunk with a wrong checksum, or that its end is missing; else empty.

    Pillow does not check these sums, and fills rows that it cannot inflate.
    """
    for kind, payload in png_chunks(data):
        end = payload.stop
        if kind in _PNG_PIXEL_CHUNKS and end + 4 <= len(data):
            checksum = zlib.crc32(memoryview(data)[payload.start - 4 : end])
            if checksum != int.from_bytes(data[end : end + 4], "big"):
                return f"the checksum of its {kind.decode()} chunk is wrong"
        if kind == b"IEND":
            return ""
    return "its end is missing"


def png_chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """Yield the type and the position of every complete chunk of a PNG."""
    position = len(_MAGIC)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        start = position + 8
        position = start + length + 4
        if position > len(data):
            return
        yield data[start - 4 : start], slice(start, start + length)


_MAX_CHUNKS = 20_000
"""Chunks of a PNG that a thread may decode; one with more goes to a worker."""


def _cost(encoded: EncodedImage) -> Cost | None:
    data = encoded.data
    if any(number > _MAX_CHUNKS for number, _ in enumerate(png_chunks(data))):
        return None
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return Cost(width * height)


_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
_ORIENTING = re.compile(rb"(XML:com\.adobe\.xmp|Raw profile type exif)\0")
_MAX_TEXT = 1 << 20
"""Bytes of a text about orientation; in longer ones nobody looks."""


def without_metadata(data: bytes) -> bytes:
    """Return a PNG without the chunks that no pixel and no orientation depends on.

    Pillow refuses a picture for the size of its texts and profile, and for damage in them. Image
    generators store whole workflows there.
    """
    parts, kept, end = [data[: len(_MAGIC)]], len(_MAGIC), len(_MAGIC)
    for kind, place in png_chunks(data):
        start, end = place.start - 8, place.stop + 4
        if _is_needed(data, kind, place):
            continue
        parts.append(data[kept:start])
        kept = end
    return data if kept == len(_MAGIC) else b"".join([*parts, data[kept:]])


def _is_needed(data: bytes, kind: bytes, place: slice) -> bool:
    if kind[:1].isupper() or kind in _PNG_PIXEL_CHUNKS or kind in _ANIMATION:
        return True
    if kind not in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
        return False
    checksum = int.from_bytes(data[place.stop : place.stop + 4], "big")
    content = data[place.start : min(place.stop, place.start + _MAX_TEXT)]
    if zlib.crc32(kind + content) != checksum:
        return False
    return kind == b"eXIf" or (_ORIENTING.match(content) is not None and _is_short(kind, content))


def _is_short(kind: bytes, content: bytes) -> bool:
    """Return whether a text of a PNG is short, and can be read."""
    head, _, packed = content.partition(b"\0")
    if kind == b"tEXt" or (kind == b"iTXt" and packed[:1] == b"\0"):
        return True
    if kind == b"iTXt":
        _, _, packed = packed[2:].partition(b"\0")
        _, _, packed = packed.partition(b"\0")
    else:
        packed = packed[1:]
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(packed, _MAX_TEXT)
    except zlib.error:
        return False
    return bool(head) and not inflate.unconsumed_tail


def _open(encoded: EncodedImage, _limits: Limits) -> PillowFile:
    lean = EncodedImage(without_metadata(encoded.data), encoded.format)
    return PillowFile(partial(_open_image, lean), encoded, Checks(after=refuse_unfilled))


_GREY, _COLOURS = 0, 2
"""Colour types (PNG specification, table 11.1)."""


def _open_image(encoded: EncodedImage) -> ImageFile.ImageFile:
    """Open a PNG, with its clear colour in the values that Pillow gives to pixels."""
    image = open_image(encoded)
    bits, colour = encoded.data[24], encoded.data[25]
    clear = image.info.get("transparency")
    if colour == _GREY and bits in (2, 4) and isinstance(clear, int):
        most = (1 << bits) - 1
        image.info["transparency"] = (clear & most) * 255 // most
    elif colour == _COLOURS and bits == 16 and isinstance(clear, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    return image


def _starts(data: bytes) -> bool:
    return data.startswith(_MAGIC)


def _is_cut(data: bytes) -> bool:
    return not any(kind == b"IEND" for kind, _ in png_chunks(data))


PNG = Format(
    name="PNG",
    extensions=("png", "apng"),
    starts=_starts,
    register=plugin("PngImagePlugin"),
    open=_open,
    is_cut=_is_cut,
    cost=_cost,
    damage=png_damage,
)
