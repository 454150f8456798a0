"""Orientation and number of pictures from metadata, read in bounded time and memory.

A directory of EXIF may declare thousands of entries that each point at the same bytes. A parser
that collects them all can be made to take gigabytes. This one looks for one entry, in one pass.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

_ORIENTATION = 0x0112
_NUMBER_OF_IMAGES = 0xB001
"""Tags: EXIF 2.3, section 4.6.4; CIPA DC-007 (MPO), section 5.2.3."""

_CODES = {1: "B", 3: "H", 4: "I"}
"""Types of a tag that hold a number: byte, short, long (TIFF 6.0, section 2)."""

_PREFIX = re.compile(rb"(Exif\0\0){1,2}")
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_XMP_KEYS = ("XML:com.adobe.xmp", "xmp")
_RAW_PROFILE = "Raw profile type exif"


def exif_orientation(block: bytes) -> int | None:
    """Return the orientation in a block of EXIF, 1 to 8; ``None`` if absent or out of range."""
    prefix = _PREFIX.match(block)
    return _in_range(_tag(block[prefix.end() :] if prefix else block, _ORIENTATION))


def xmp_orientation(packet: bytes) -> int | None:
    """Return the orientation in a packet of XMP, 1 to 8; ``None`` if absent or out of range."""
    found = _XMP_ORIENTATION.search(packet)
    return _in_range(int(found[1])) if found else None


def orientation_in(info: Mapping[str | tuple[int, int], Any]) -> int:
    """Return the orientation in a file's metadata, as Pillow's ``info`` holds them; else 1."""
    block = info.get("exif")
    if block is None and isinstance(info.get(_RAW_PROFILE), str):
        # ImageMagick writes a line feed, a name, a length, and hexadecimal digits.
        digits = "".join(info[_RAW_PROFILE].split("\n")[3:])
        block = bytes.fromhex(digits) if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", digits) else None
    found = exif_orientation(block) if isinstance(block, bytes) else None
    for key in _XMP_KEYS:
        packet = info.get(key)
        if found is None and packet is not None:
            found = xmp_orientation(packet.encode() if isinstance(packet, str) else packet)
    return found or 1


def pictures_in_mpo(index: bytes) -> int:
    """Return the number of pictures in the index of an MPO file; 0 if it is damaged."""
    return _tag(index, _NUMBER_OF_IMAGES) or 0


def _in_range(orientation: int | None) -> int | None:
    return orientation if orientation is not None and 1 <= orientation <= 8 else None


def _tag(block: bytes, wanted: int) -> int | None:
    """Return the value of a tag in the first directory of a TIFF structure, if it is one number."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or block[2:4] not in (b"*\0", b"\0*"):
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (entries,) = struct.unpack_from(f"{order}H", block, directory)
        for entry in range(entries):
            at = directory + 2 + 12 * entry
            tag, kind, count = struct.unpack_from(f"{order}HHI", block, at)
            if tag == wanted and kind in _CODES and count == 1:
                value: int = struct.unpack_from(f"{order}{_CODES[kind]}", block, at + 8)[0]
                return value
    except struct.error:
        # The file ends inside it.
        return None
    return None


_EXIF_ORIENTATION = 0x0112


_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if it is absent, out of range or unreadable."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except (OSError, ValueError, TypeError, SyntaxError, LookupError, OverflowError, struct.error):
        # Damaged metadata is no reason to refuse sound pixels.
        return 1
    return value if value in _TRANSPOSE else 1


def apply_orientation(image: Image.Image, exif_orientation: int) -> Image.Image:
    """Return the picture turned upright; ``exif_orientation`` is 1 to 8."""
    method = _TRANSPOSE.get(exif_orientation)
    if method is None:
        return image
    upright = image.transpose(method)
    # The upright picture must not ask to be turned again.
    upright.info = {}
    return upright


Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels."""


_ORIGIN_AT_RIGHT, _ORIGIN_AT_BOTTOM = frozenset({2, 3, 6, 7}), frozenset({3, 4, 7, 8})
"""EXIF orientations by the corner of the first stored pixel (TIFF 6.0, section 8, Orientation)."""


@dataclass(frozen=True, slots=True)
class Upright:
    """A decoded picture.

    Attributes:
        image: ``RGB``, turned upright.
        damage: defect of a file that was decoded nevertheless; else empty.
        box: the part of the pixels that the picture fills; ``None`` for all of them.
        note: remark on a picture that may be sound; mostly empty.
    """

    image: Image.Image
    damage: str = ""
    box: Box | None = None
    note: str = ""

    @property
    def remark(self) -> str:
        """Text for the note of the picture's row; mostly empty."""
        return f"truncated: {self.damage}" if self.damage else self.note


def filled_box(size: tuple[int, int], filled: tuple[float, float], orientation: int) -> Box | None:
    """Return the part of an upright picture that was filled from the first stored pixel on.

    Args:
        size: width and height of all pixels, upright.
        filled: width and height of the filled part, as stored.
        orientation: EXIF orientation, 1 to 8.
    """
    width, height = filled if orientation < 5 else filled[::-1]
    if (width, height) == size:
        return None
    left = size[0] - width if orientation in _ORIGIN_AT_RIGHT else 0.0
    upper = size[1] - height if orientation in _ORIGIN_AT_BOTTOM else 0.0
    return left, upper, left + width, upper + height
