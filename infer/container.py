"""What a file's own structure says about it, without decoding pixels.

Decoders report every kind of damage alike. Here the container's lengths and checksums tell a file
that was cut short from one that is corrupt, and a format that is not supported from no image.
"""

import struct
import zlib
from collections.abc import Iterator

from .jpeg_structure import read_structure

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
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

TIFF_DATA_TAGS = ((273, 279), (324, 325))
"""Tags of the offsets and byte counts of strips and of tiles (TIFF 6.0, sections 3 and 15)."""

_ALL_TIFF_DATA_TAGS = frozenset(tag for pair in TIFF_DATA_TAGS for tag in pair)
_PNG_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def sniff(data: bytes) -> str:
    """Pillow's name of the format that the first bytes announce; empty for none that we decode."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(_PNG_MAGIC):
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
                return _jpeg_is_cut(data)
            case "PNG":
                return not any(kind == b"IEND" for kind, _ in png_chunks(data))
            case "WEBP":
                return len(data) < 8 + int.from_bytes(data[4:8], "little")
            case "GIF":
                return not data.rstrip(b"\0").endswith(b";")
            case "BMP":
                return len(data) < int.from_bytes(data[2:6], "little")
            case "TIFF":
                return _tiff_is_cut(data)
            case "AVIF" | "HEIF":
                return _boxes_are_cut(data)
    except (struct.error, IndexError):
        # The structure itself ends in the middle of a field.
        return True
    return False


def unsupported_jpeg(data: bytes) -> str:
    """The coding process of a JPEG that is not decoded; empty for the usual ones and no JPEG."""
    return read_structure(data).unsupported if sniff(data) == "JPEG" else ""


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP's canvas; ``None`` where its header is damaged.

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


def png_damage(data: bytes) -> str:
    """Of a PNG, the first chunk whose checksum is wrong, or an end that is missing; else empty.

    Pillow does not check these sums, and fills what it cannot inflate.
    """
    if sniff(data) != "PNG":
        return ""
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
    """Of a PNG, the type of every chunk that is there completely, and where its content is."""
    position = len(_PNG_MAGIC)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        start = position + 8
        position = start + length + 4
        if position > len(data):
            return
        yield data[start - 4 : start], slice(start, start + length)


def _jpeg_is_cut(data: bytes) -> bool:
    structure = read_structure(data)
    return structure.end is None or not structure.scans


def _boxes_are_cut(data: bytes) -> bool:
    """Whether the last box of an ISO base media file (AVIF, HEIF) reaches beyond the end."""
    position = 0
    while position < len(data):
        (size,) = struct.unpack_from(">I", data, position)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
        if size == 0:
            # It reaches to the end, wherever that is.
            return False
        if size < 8:
            return False
        position += size
    return position > len(data)


def _tiff_is_cut(data: bytes) -> bool:
    """Whether the first directory of a TIFF, or the strips or tiles it names, are cut off."""
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
