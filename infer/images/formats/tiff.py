"""TIFF: how it is opened, its cut ends, and notes on what it holds."""

import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from PIL import Image, ImageFile, TiffImagePlugin

from ...errors import ImageError
from ...results import FileStatus
from ..encoded import EncodedImage, Format
from ..limits import Limits
from .pillow import Checks, PillowFile, open_image, open_with_pillow
from .tails import ends_in_zeros, rest_note, zeros_at_end, zeros_note
from .tiff_strips import (
    COMPRESSION,
    PLANES,
    RAW,
    SEPARATE,
    STRIPS,
    TILES,
    Part,
    Tags,
    parts_of,
    refuse_damaged,
)

_SUBFILE, _DNG_VERSION, _REDUCED = 254, 50706, 1
"""Tags, and a value of the first (TIFF 6.0, section 8)."""


def _note(image: Image.Image, data: bytes) -> str:
    """Return a note on a preview, on plain pixels that end in zeros, or on what follows them."""
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
    note = zeros_note(zeros, sum(part.size for part in parts))
    return note or rest_note(data, _end(data, parts))


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


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value by its type (TIFF 6.0, section 2)."""

_ELSEWHERE = frozenset({330, 400, 34665, 34853, 40965})
"""Tags of further directories, whose ends are not looked up."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the first directory.

    Attributes:
        tag: its tag.
        kind: type of its values.
        count: number of its values.
        place: place of its values in the file.
    """

    tag: int
    kind: int
    count: int
    place: slice


def _entries(data: bytes) -> tuple[list[_Entry], int]:
    """Return the entries of a classic TIFF's first directory, and 0 if it is the last one.

    Raises:
        struct.error: the directory is cut off.
    """
    order = _order(data)
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    entries = []
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, values, offset = struct.unpack_from(f"{order}HHII", data, at)
        size = _SIZES.get(kind, 1) * values
        start = at + 8 if size <= 4 else offset
        entries.append(_Entry(tag, kind, values, slice(start, start + size)))
    end = directory + 2 + 12 * count
    # Some files end here, without the place of a next directory; any bytes mean that there is one.
    return entries, int.from_bytes(data[end : end + 4])


def _order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _is_cut(data: bytes) -> bool:
    """Return whether a TIFF's first directory, or the strips or tiles in it, are cut off."""
    if data[2:4] in (b"+\0", b"\0+"):
        return False
    values: dict[int, tuple[int, ...]] = {}
    for entry in _entries(data)[0]:
        code = {3: "H", 4: "I"}.get(entry.kind)
        if entry.tag in (*STRIPS, *TILES) and code and entry.count <= len(data):
            form = f"{_order(data)}{entry.count}{code}"
            values[entry.tag] = struct.unpack_from(form, data, entry.place.start)
    return any(
        offset + size > len(data)
        for offsets, sizes in (STRIPS, TILES)
        for offset, size in zip(values.get(offsets, ()), values.get(sizes, ()), strict=False)
    )


def _end(data: bytes, parts: list[Part]) -> int:
    """Return the end of a TIFF's pixels, if nothing that it knows of follows; else of the file."""
    end = max((part.place.stop for part in parts), default=0)
    if data[2:4] in (b"+\0", b"\0+"):
        return len(data)
    entries, following = _entries(data)
    known = [entry.place.stop for entry in entries]
    # Directories are chained, and what they hold lies anywhere.
    if following or any(entry.tag in _ELSEWHERE for entry in entries):
        return len(data)
    return end if max(known, default=0) <= end else len(data)


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
