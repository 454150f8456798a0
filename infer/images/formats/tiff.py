"""TIFF: how it is opened, its cut ends, and notes on what it holds."""

import struct
from contextlib import suppress
from functools import partial

from PIL import Image, ImageFile, TiffImagePlugin

from ...errors import ImageError
from ...results import FileStatus
from ..encoded import EncodedImage, Format
from ..limits import Limits
from .pillow import Checks, PillowFile, open_image, open_with_pillow
from .tails import ends_in_zeros, zeros_at_end, zeros_note
from .tiff_strips import (
    COMPRESSION,
    PLANES,
    RAW,
    SEPARATE,
    STRIPS,
    TILES,
    Tags,
    parts_of,
    refuse_damaged,
)

_SUBFILE, _DNG_VERSION, _REDUCED = 254, 50706, 1
"""Tags, and a value of the first (TIFF 6.0, section 8)."""


def _note(image: Image.Image, data: bytes) -> str:
    """Return a note on a preview, or on plain pixels that end in zeros."""
    tags: Tags = getattr(image, "tag_v2", {})
    if tags.get(_SUBFILE, 0) & _REDUCED or _DNG_VERSION in tags:
        return "a preview of a larger picture in the file, such as a camera's raw data"
    if tags.get(COMPRESSION, RAW) != RAW:
        return ""
    parts, zeros = parts_of(tags), 0
    for part in reversed(parts):
        found = zeros_at_end(data, part.place)
        zeros += found
        if found < part.size:
            break
    return zeros_note(zeros, sum(part.size for part in parts))


def _open(encoded: EncodedImage, limits: Limits) -> PillowFile:
    if encoded.data.startswith(_BIG_ENDIAN_BIG):
        raise ImageError(FileStatus.UNSUPPORTED, "big-endian BigTIFF is not supported")
    checks = Checks(before=refuse_damaged, note=_note)
    try:
        file = open_with_pillow(encoded, limits, checks)
    except ImageError as error:
        # Pillow has no names for planes of samples beyond the colours; libtiff needs none.
        with suppress(ImageError):
            return PillowFile(partial(_open_with_libtiff, encoded), encoded, checks)
        raise error
    tags: Tags = getattr(file.image, "tag_v2", {})
    if tags.get(PLANES) == SEPARATE and tags.get(COMPRESSION, RAW) == RAW:
        return PillowFile(partial(_open_with_libtiff, encoded), encoded, checks)
    return file


def _open_with_libtiff(encoded: EncodedImage) -> ImageFile.ImageFile:
    """Open a TIFF for libtiff, because Pillow's own decoder takes all planes for 8-bit colour."""
    TiffImagePlugin.READ_LIBTIFF = True
    try:
        return open_image(encoded)
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


_ALL_TIFF_DATA_TAGS = frozenset({*STRIPS, *TILES})


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
        for offsets, sizes in (STRIPS, TILES)
        for offset, size in zip(values.get(offsets, ()), values.get(sizes, ()), strict=False)
    )


_BIG_ENDIAN_BIG = b"MM\0+"
_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", _BIG_ENDIAN_BIG)


def _starts(data: bytes) -> bool:
    return data.startswith(_MAGICS)


_BIG_ENDIAN_WHITE_IS_ZERO = (b"MM", 0, (1,), 1, (16,), ())
"""Byte order, photometric interpretation, sample format, fill order, bits, extra samples."""


def _register() -> bool:
    # The one way of 16-bit grey that Pillow's table lacks.
    TiffImagePlugin.OPEN_INFO.setdefault(_BIG_ENDIAN_WHITE_IS_ZERO, ("I;16B", "I;16B"))
    return True


TIFF = Format(
    name="TIFF",
    extensions=("tif", "tiff"),
    starts=_starts,
    register=_register,
    open=_open,
    is_cut=lambda data: _is_cut(data) or ends_in_zeros(data),
)
