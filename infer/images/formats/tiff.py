"""TIFF: coverage of its strips and tiles, and their cut ends."""

import struct
from collections.abc import Iterator
from functools import partial

from PIL import Image

from ...errors import ImageError
from ...results import FileStatus
from ..encoded import Format
from .jpeg import decode_jpeg
from .pillow import Checks, open_with_pillow, plugin

_COMPRESSION, _PLANES, _JPEG_TABLES = 259, 284, 347


_OLD_JPEG, _JPEG = 6, 7
"""Values of a TIFF's compression tag (TIFF 6.0; Adobe's technical note 2)."""


def refuse_uncovered(image: Image.Image, data: bytes, fill_gaps: bool) -> None:
    """Refuse an opened, not yet loaded TIFF whose strips or tiles are missing or damaged.

    Raises:
        ImageError: ``truncated``, ``corrupt`` or ``unsupported``.
    """
    tags = getattr(image, "tag_v2", {})
    if tags.get(_COMPRESSION) == _OLD_JPEG:
        raise ImageError(FileStatus.UNSUPPORTED, "old-style JPEG in TIFF is not supported")
    if tags.get(_COMPRESSION) == _JPEG:
        for stream in _jpeg_streams(tags, data):
            decode_jpeg(stream, fill_gaps=fill_gaps)
    tiles = getattr(image, "tile", [])
    if fill_gaps or not tiles or any(tile[0] != "raw" for tile in tiles):
        # libtiff detects missing strips itself.
        return
    planes = len(image.getbands()) if tags.get(_PLANES) == 2 else 1
    boxes = [tile[1] for tile in tiles]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    if covered < image.width * image.height * planes:
        raise ImageError(FileStatus.TRUNCATED, "its strips do not cover the picture")


def _jpeg_streams(tags: "dict[int, object]", data: bytes) -> Iterator[bytes]:
    """Yield the strips or tiles of a TIFF as JPEG files."""
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


TIFF_DATA_TAGS = ((273, 279), (324, 325))
"""Tags of the offsets and byte counts of strips and of tiles (TIFF 6.0, sections 3 and 15)."""


_ALL_TIFF_DATA_TAGS = frozenset(tag for pair in TIFF_DATA_TAGS for tag in pair)


def _is_cut(data: bytes) -> bool:
    """Return whether a TIFF's first directory, or the strips or tiles in it, are cut off."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] in (b"+\0", b"\0+"):
        return False
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, directory)
    values: dict[int, tuple[int, ...]] = {}
    for index in range(entries):
        tag, kind, count, _ = struct.unpack_from(f"{order}HHII", data, directory + 2 + 12 * index)
        code = {3: "H", 4: "I"}.get(kind)
        if tag in _ALL_TIFF_DATA_TAGS and code and count <= len(data):
            where = directory + 2 + 12 * index + 8
            if struct.calcsize(f"{order}{count}{code}") > 4:
                (where,) = struct.unpack_from(f"{order}I", data, where)
            values[tag] = struct.unpack_from(f"{order}{count}{code}", data, where)
    return any(
        offset + size > len(data)
        for offsets, sizes in TIFF_DATA_TAGS
        for offset, size in zip(values.get(offsets, ()), values.get(sizes, ()), strict=False)
    )


_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _starts(data: bytes) -> bool:
    return data.startswith(_MAGICS)


TIFF = Format(
    name="TIFF",
    extensions=("tif", "tiff"),
    starts=_starts,
    register=plugin("TiffImagePlugin"),
    open=partial(open_with_pillow, checks=Checks(before=refuse_uncovered)),
    is_cut=_is_cut,
)
