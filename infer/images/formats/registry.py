"""What a file's own structure says about it, without decoding pixels.

Decoders report every kind of damage alike. Here the container's lengths and checksums tell a file
that was cut short from one that is corrupt, and a format that is not supported from no image.
"""

import functools
import struct
from contextlib import suppress
from types import MappingProxyType

from PIL import Image, features

from .containers import boxes_are_cut
from .jpeg import JPEG_MAGIC, jpeg_is_cut
from .png import PNG_MAGIC, png_chunks
from .tiff import tiff_is_cut

_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_FOREIGN = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"\0\0\1\0": "icon",
    b"qoif": "QOI",
}
"""First bytes of image formats that are known and not decoded."""


def sniff(data: bytes) -> str:
    """Pillow's name of the format that the first bytes announce; empty for none that we decode."""
    if data.startswith(JPEG_MAGIC):
        return "JPEG"
    if data.startswith(PNG_MAGIC):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(_TIFF_MAGICS):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP"
    if data[4:8] == b"ftyp":
        if data[8:12] in _AVIF_BRANDS:
            return "AVIF"
        if data[8:12] in _HEIF_BRANDS:
            return "HEIF"
    return ""


def foreign_format(data: bytes) -> str:
    """The name of a known image format that is not decoded; empty if it is none."""
    return next((name for magic, name in _FOREIGN.items() if data.startswith(magic)), "")


def is_cut_short(data: bytes) -> bool:
    """Whether the file is shorter than its own structure says, or lacks its end mark."""
    try:
        match sniff(data):
            case "JPEG":
                return jpeg_is_cut(data)
            case "PNG":
                return not any(kind == b"IEND" for kind, _ in png_chunks(data))
            case "WEBP":
                return len(data) < 8 + int.from_bytes(data[4:8], "little")
            case "GIF":
                return not data.rstrip(b"\0").endswith(b";")
            case "BMP":
                return len(data) < int.from_bytes(data[2:6], "little")
            case "TIFF":
                return tiff_is_cut(data)
            case "AVIF" | "HEIF":
                return boxes_are_cut(data)
    except (struct.error, IndexError):
        # The structure itself ends in the middle of a field.
        return True
    return False


FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow format names that are decoded; HEIF only where ``pi-heif`` is installed."""


_NEEDS_FEATURE = MappingProxyType({"WEBP": "webp", "AVIF": "avif"})
"""Formats whose plugin is always there, but whose decoder may be missing from Pillow's build."""


_EXTENSIONS = MappingProxyType(
    {
        "JPEG": ("jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjpg", "pjp"),
        "MPO": ("mpo",),
        "PNG": ("png", "apng"),
        "WEBP": ("webp",),
        "GIF": ("gif",),
        "BMP": ("bmp", "dib"),
        "TIFF": ("tif", "tiff"),
        "AVIF": ("avif", "avifs"),
        "HEIF": ("heic", "heif", "heics", "heifs", "hif", "hic"),
    }
)

_FOREIGN_EXTENSIONS = frozenset({"jxl", "jp2", "j2k", "j2c", "jpc", "jpf", "jpx"})
"""Of formats for photographs that are not decoded: JPEG XL and JPEG 2000."""

_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes in bytes. ``BM`` alone begins many a text."""


@functools.cache
def registered_formats() -> tuple[str, ...]:
    """Load the decoders, and name the formats of ``FORMATS`` that they decode."""
    from PIL import (  # noqa: F401 - importing a plugin registers it
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        MpoImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    with suppress(ImportError):
        import pi_heif

        pi_heif.register_heif_opener()
    return tuple(name for name in FORMATS if name in Image.OPEN and _has_decoder(name))


@functools.cache
def image_extensions() -> frozenset[str]:
    """Lower-case extensions, without the dot, of the files that can be decoded here."""
    formats = registered_formats()
    return frozenset(
        extension for name, known in _EXTENSIONS.items() if name in formats for extension in known
    )


def known_extensions() -> frozenset[str]:
    """Return the lower-case extensions of all pictures, whether they can be decoded or not."""
    return _FOREIGN_EXTENSIONS.union(*_EXTENSIONS.values())


def is_picture_start(data: bytes) -> bool:
    """Return whether the first bytes of a file, 18 or more, are those of a picture."""
    if data.startswith(b"BM"):
        return int.from_bytes(data[14:18], "little") in _BMP_HEADERS
    return bool(sniff(data) or foreign_format(data))


def _has_decoder(name: str) -> bool:
    feature = _NEEDS_FEATURE.get(name)
    return feature is None or bool(features.check(feature))
