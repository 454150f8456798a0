"""WebP, GIF, BMP, AVIF and HEIF: formats with simple containers."""

import struct
from contextlib import suppress
from importlib import import_module

from ...results import FileStatus
from ..encoded import Cost, EncodedImage, Format, ImageFile
from ..failures import DecodeError, ImageHeader
from ..limits import Limits
from .pillow import open_with_pillow, plugin

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_UNCOMPRESSED_BMP = frozenset({0, 3})
_SMALLEST_BMP_HEADER = 40


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a WebP's canvas; ``None`` if its header is damaged.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    kind, payload = data[12:16], data[20:30]
    if len(payload) < 10:
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(payload[at : at + 3], "little") for at in (4, 7))
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(payload[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = (int.from_bytes(payload[at : at + 2], "little") for at in (6, 8))
        return width & 0x3FFF, height & 0x3FFF
    return None


def _boxes_are_cut(data: bytes) -> bool:
    """Return whether the last box of an ISO base media file (AVIF, HEIF) extends beyond the end."""
    position = 0
    while position < len(data):
        (size,) = struct.unpack_from(">I", data, position)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
        if size == 0:
            # This box extends to the end of the file.
            return False
        if size < 8:
            return False
        position += size
    return position > len(data)


def _open_webp(encoded: EncodedImage, limits: Limits) -> ImageFile:
    # Pillow's plugin allocates the canvas when it opens the file.
    if (size := webp_size(encoded.data)) is not None:
        pixels = size[0] * size[1]
        if pixels > limits.max_pixels:
            reason = f"{pixels} pixels, limit {limits.max_pixels}"
            raise DecodeError(FileStatus.TOO_LARGE, reason, ImageHeader(*size, "WEBP"))
    return open_with_pillow(encoded, limits)


def _webp_cost(encoded: EncodedImage) -> Cost | None:
    size = webp_size(encoded.data)
    return None if size is None else Cost(size[0] * size[1])


def _bmp_cost(encoded: EncodedImage) -> Cost | None:
    header, width, height = (_little(encoded.data, at) for at in (14, 18, 22))
    is_plain = header >= _SMALLEST_BMP_HEADER and _little(encoded.data, 30) in _UNCOMPRESSED_BMP
    # A negative height means that the picture is stored from its top.
    return Cost(width * min(height, 2**32 - height)) if is_plain else None


def _little(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _has_brand(data: bytes, brands: tuple[bytes, ...]) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in brands


def _register_heif() -> bool:
    with suppress(ImportError):
        import_module("pi_heif").register_heif_opener()
        return True
    return False


WEBP = Format(
    name="WEBP",
    extensions=("webp",),
    starts=lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    register=plugin("WebPImagePlugin", "webp"),
    open=_open_webp,
    is_cut=lambda data: len(data) < 8 + int.from_bytes(data[4:8], "little"),
    cost=_webp_cost,
)
GIF = Format(
    name="GIF",
    extensions=("gif",),
    starts=lambda data: data.startswith((b"GIF87a", b"GIF89a")),
    register=plugin("GifImagePlugin"),
    open=open_with_pillow,
    is_cut=lambda data: not data.rstrip(b"\0").endswith(b";"),
)
BMP = Format(
    name="BMP",
    extensions=("bmp", "dib"),
    starts=lambda data: data.startswith(b"BM"),
    register=plugin("BmpImagePlugin"),
    open=open_with_pillow,
    is_cut=lambda data: len(data) < int.from_bytes(data[2:6], "little"),
    cost=_bmp_cost,
)
AVIF = Format(
    name="AVIF",
    extensions=("avif", "avifs"),
    starts=lambda data: _has_brand(data, _AVIF_BRANDS),
    register=plugin("AvifImagePlugin", "avif"),
    open=open_with_pillow,
    is_cut=_boxes_are_cut,
)
HEIF = Format(
    name="HEIF",
    extensions=("heic", "heif", "heics", "heifs", "hif", "hic"),
    starts=lambda data: _has_brand(data, _HEIF_BRANDS),
    register=_register_heif,
    open=open_with_pillow,
    is_cut=_boxes_are_cut,
    package="pi-heif",
)
