"""Registry of all image formats, of those that this installation decodes, and of first bytes.

A new format is one file with a ``Format`` record and one entry in ``FORMATS``.
"""

import functools
import re

from ..encoded import EncodedImage, Format
from .containers import AVIF, BMP, GIF, HEIF, WEBP
from .jpeg import JPEG, read_jpeg_markers
from .png import PNG
from .tiff import TIFF

FORMATS: tuple[Format, ...] = (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIF)
"""All formats, in the order in which first bytes are compared. HEIF needs ``pi-heif``."""

_FOREIGN = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"\0\0\1\0": "icon",
    b"qoif": "QOI",
    b"IIRO": "Olympus raw",
    b"IIRS": "Olympus raw",
    b"IIU\0": "Panasonic raw",
    b"FUJIFILMCCD-RAW": "Fujifilm raw",
    b"\0\0\0\x18ftypcrx ": "Canon raw",
}
"""First bytes of image formats that are known but not decoded."""

_BARE_BMP = re.compile(rb"\x28\0{3}.{8}\x01\0[\x01\x04\x08\x10\x18\x20]\0", re.DOTALL)
"""A bitmap's own header of 40 bytes: its size, width and height, planes, bits."""

_FOREIGN_EXTENSIONS = frozenset({"jxl", "jp2", "j2k", "j2c", "jpc", "jpf", "jpx"})
"""Extensions of formats for photographs that are not decoded: JPEG XL and JPEG 2000."""

_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes of BMP headers in bytes; ``BM`` alone also begins many texts."""


def identify(data: bytes) -> EncodedImage:
    """Inspect the first bytes of a file once, and read a JPEG's markers."""
    found = next((format for format in FORMATS if format.starts(data)), None)
    return EncodedImage(data, found, read_jpeg_markers(data) if found is JPEG else None)


def foreign_format(data: bytes) -> str:
    """Return the name of a known image format that is not decoded; empty if it is unknown."""
    if _BARE_BMP.match(data):
        return "BMP without its file header"
    return next((name for magic, name in _FOREIGN.items() if data.startswith(magic)), "")


@functools.cache
def registered_formats() -> tuple[str, ...]:
    """Load the decoders; return the format names that they decode."""
    able = [format for format in FORMATS if format.register()]
    return tuple(name for format in able for name in (format.name, *format.aliases))


@functools.cache
def image_extensions() -> frozenset[str]:
    """Return the lower-case extensions, without the dot, of files that can be decoded here."""
    names = registered_formats()
    return frozenset(
        extension for format in FORMATS if format.name in names for extension in format.extensions
    )


def known_extensions() -> frozenset[str]:
    """Return the lower-case extensions of all pictures, whether they can be decoded or not."""
    return _FOREIGN_EXTENSIONS.union(*(format.extensions for format in FORMATS))


def is_picture_start(data: bytes) -> bool:
    """Return whether the first bytes of a file, 18 or more, are those of a picture."""
    found = next((format for format in FORMATS if format.starts(data)), None)
    if found is BMP:
        return int.from_bytes(data[14:18], "little") in _BMP_HEADERS
    return found is not None or bool(foreign_format(data))
