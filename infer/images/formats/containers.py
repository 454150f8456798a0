"""WebP, GIF, BMP, AVIF and HEIF: formats with simple containers."""

import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from PIL import Image

from ...errors import ImageError
from ...results import FileStatus
from ..encoded import Cost, EncodedImage, Format, ImageFile
from ..failures import DECODER_ERRORS, DecodeError, ImageHeader
from ..limits import Limits
from .boxes import boxes_are_cut, end_of_boxes, refuse_lost_pixels
from .pillow import Checks, open_image, open_with_pillow, plugin
from .tails import (
    CODED_ZEROS,
    OVERWRITTEN,
    UNWRITTEN,
    WEBP_RUNS,
    ends_in_zeros,
    holds_a_run,
    rest_note,
    zeros_at_end,
    zeros_note,
)

_GENERAL_BRANDS = frozenset({b"mif1", b"msf1", b"miaf"})
_HEVC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_HEIF_BRANDS = _HEVC_BRANDS | {b"mif1", b"msf1"}
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_UNCOMPRESSED_BMP = frozenset({0, 3})
_SMALLEST_BMP_HEADER = 40
_MOST_CHUNKS = 1000
"""Chunks of a WebP in which its first frame is looked for."""


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


@dataclass(frozen=True, slots=True)
class _Frame:
    """First frame of a WebP.

    Attributes:
        kind: type of the chunk that holds its colours.
        colours: place of that chunk's content.
        alpha: place of the content of its alpha chunk; empty if there is none.
    """

    kind: bytes
    colours: slice
    alpha: slice


def _webp_frame(data: bytes) -> _Frame:
    position, alpha = 12, slice(0, 0)
    for _ in range(_MOST_CHUNKS):
        kind, size = data[position : position + 4], _little(data, position + 4)
        position += 8
        place = slice(position, position + size)
        if kind in (b"VP8 ", b"VP8L"):
            return _Frame(kind, place, alpha)
        if kind == b"ALPH":
            alpha = place
        # A frame begins with its size and place, then come its chunks.
        position += 16 if kind == b"ANMF" else size + size % 2
    return _Frame(b"", slice(0, 0), alpha)


def _refuse_lost_webp(_image: Image.Image, data: bytes) -> None:
    frame = _webp_frame(data)
    colours, alpha = data[frame.colours], data[frame.alpha]
    is_unwritten = ends_in_zeros(data, frame.colours, CODED_ZEROS)
    is_odd = is_unwritten or holds_a_run(data, frame.colours, WEBP_RUNS)
    if is_odd and _decodes(_webp_of(frame.kind, colours[:_CUT], b"")):
        if is_unwritten:
            raise ImageError(FileStatus.TRUNCATED, UNWRITTEN)
        raise ImageError(FileStatus.CORRUPT, OVERWRITTEN)
    is_odd = holds_a_run(data, frame.alpha, WEBP_RUNS)
    if is_odd and _decodes(_webp_of(frame.kind, colours, alpha[:_CUT])):
        raise ImageError(FileStatus.CORRUPT, OVERWRITTEN)


_CUT = -CODED_ZEROS // 2
"""End of a chunk's content without bytes that a sound one needs."""

_HAS_ALPHA = 0x10
"""Flag of a ``VP8X`` chunk."""


def _webp_of(kind: bytes, colours: bytes, alpha: bytes) -> bytes:
    """Return a WebP of one frame."""
    chunks = _chunk(kind, colours)
    if alpha:
        width, height = webp_size(bytes(12) + chunks) or (1, 1)
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        head = _chunk(b"VP8X", struct.pack("<I", _HAS_ALPHA) + sides)
        chunks = head + _chunk(b"ALPH", alpha) + chunks
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _decodes(data: bytes) -> bool:
    """Return whether a WebP decodes.

    Flat areas of a WebP can be coded as zeros, each bit of which counts: such a file does not
    decode without its last bytes. Bytes that no encoder wrote code more pixels than there are, so
    that the last bytes are not needed.
    """
    try:
        open_image(EncodedImage(data, WEBP)).load()
    except DECODER_ERRORS:
        return False
    return True


def _webp_note(_image: Image.Image, data: bytes) -> str:
    size = _little(data, 4)
    return rest_note(data, 8 + size + size % 2)


def _refuse_lost_boxes(_image: Image.Image, data: bytes) -> None:
    refuse_lost_pixels(data)


def _boxes_note(_image: Image.Image, data: bytes) -> str:
    return rest_note(data, end_of_boxes(data))


def _bmp_note(_image: Image.Image, data: bytes) -> str:
    start, header = _little(data, 10), _little(data, 14)
    size = len(data) - start
    if header >= _SMALLEST_BMP_HEADER and _little(data, 30) in _UNCOMPRESSED_BMP:
        width, height, bits = _little(data, 18), _little(data, 22), _little(data, 28) & 0xFFFF
        size = (width * bits + 31) // 32 * 4 * min(height, 2**32 - height)
    note = zeros_note(zeros_at_end(data, slice(start, start + size)), size)
    return note or rest_note(data, max(start + size, _little(data, 2)))


def _open_webp(encoded: EncodedImage, limits: Limits) -> ImageFile:
    # Pillow's plugin allocates the canvas when it opens the file.
    if (size := webp_size(encoded.data)) is not None:
        pixels = size[0] * size[1]
        if pixels > limits.max_pixels:
            reason = f"{pixels} pixels, limit {limits.max_pixels}"
            raise DecodeError(FileStatus.TOO_LARGE, reason, ImageHeader(*size, "WEBP"))
    return open_with_pillow(encoded, limits, Checks(before=_refuse_lost_webp, note=_webp_note))


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


def _has_brand(data: bytes, brands: frozenset[bytes]) -> bool:
    """Return whether a file is of one of these brands, or of a general one and also of these."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4], "big"), len(data))
    others = {data[at : at + 4] for at in range(16, end - 3, 4)}
    major = data[8:12]
    return major in brands or (major in _GENERAL_BRANDS and bool(others & brands))


def _register_heif() -> bool:
    with suppress(ImportError):
        import_module("pi_heif").register_heif_opener()
        return True
    return False


_BOXES_CHECKS = Checks(before=_refuse_lost_boxes, note=_boxes_note)

WEBP = Format(
    name="WEBP",
    extensions=("webp",),
    starts=lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    register=plugin("WebPImagePlugin", "webp"),
    open=_open_webp,
    is_cut=lambda data: len(data) < 8 + _little(data, 4) or ends_in_zeros(data),
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
    open=partial(open_with_pillow, checks=Checks(note=_bmp_note)),
    is_cut=lambda data: len(data) < int.from_bytes(data[2:6], "little"),
    cost=_bmp_cost,
)
AVIF = Format(
    name="AVIF",
    extensions=("avif", "avifs"),
    starts=lambda data: _has_brand(data, _AVIF_BRANDS),
    register=plugin("AvifImagePlugin", "avif"),
    open=partial(open_with_pillow, checks=_BOXES_CHECKS),
    is_cut=boxes_are_cut,
)
HEIF = Format(
    name="HEIF",
    extensions=("heic", "heif", "heics", "heifs", "hif", "hic"),
    starts=lambda data: _has_brand(data, _HEIF_BRANDS),
    register=_register_heif,
    open=partial(open_with_pillow, checks=_BOXES_CHECKS),
    is_cut=boxes_are_cut,
    package="pi-heif",
)
