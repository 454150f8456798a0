"""What a file's own structure says about it, without decoding pixels.

Decoders report every kind of damage alike. Here the container's lengths and checksums tell a file
that was cut short from one that is corrupt, and a format that is not supported from no image.
"""

import struct
import zlib
from collections.abc import Iterator

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
                return not any(kind == b"IEND" for kind, _ in _png_chunks(data))
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
    """The coding process of a JPEG that common decoders lack; empty for the usual ones.

    Source: ITU-T T.81, table B.1: SOF3, 5 to 7, 11 and 13 to 15 are lossless or hierarchical.
    """
    if sniff(data) != "JPEG":
        return ""
    for marker, payload in _jpeg_segments(data):
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            precision = data[payload] if payload < len(data) else 8
            return "" if precision == 8 else f"{precision}-bit JPEG"
        if 0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return "lossless or hierarchical JPEG"
    return ""


def png_damage(data: bytes) -> str:
    """Of a PNG, the first chunk whose checksum is wrong, or an end that is missing; else empty.

    Pillow does not check these sums, and fills what it cannot inflate.
    """
    if sniff(data) != "PNG":
        return ""
    for kind, payload in _png_chunks(data):
        end = payload.stop
        if kind in _PNG_PIXEL_CHUNKS and end + 4 <= len(data):
            checksum = zlib.crc32(memoryview(data)[payload.start - 4 : end])
            if checksum != int.from_bytes(data[end : end + 4], "big"):
                return f"the checksum of its {kind.decode()} chunk is wrong"
        if kind == b"IEND":
            return ""
    return "its end is missing"


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """(type, where its content is) of every chunk that is there completely."""
    position = len(_PNG_MAGIC)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        start = position + 8
        position = start + length + 4
        if position > len(data):
            return
        yield data[start - 4 : start], slice(start, start + length)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """(marker, start of its content) up to the first scan; the last may reach beyond the end."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return
        marker = data[position + 1]
        if marker == 0xFF:
            # Fill bytes before a marker.
            position += 1
            continue
        yield marker, position + 4
        if marker == 0xDA:
            return
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")


def _jpeg_is_cut(data: bytes) -> bool:
    scan = None
    for marker, payload in _jpeg_segments(data):
        scan = payload
        if marker != 0xDA and payload - 2 + _length(data, payload - 2) > len(data):
            return True
    return scan is None or data.find(b"\xff\xd9", scan) < 0


def _length(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 2], "big")


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
        if tag in _TIFF_DATA_TAGS and code and count <= len(data):
            where = directory + 2 + 12 * index + 8
            if struct.calcsize(f"{order}{count}{code}") > 4:
                (where,) = struct.unpack_from(f"{order}I", data, where)
            values[tag] = struct.unpack_from(f"{order}{count}{code}", data, where)
    return any(
        offset + size > len(data)
        for offsets, sizes in _TIFF_DATA
        for offset, size in zip(values.get(offsets, ()), values.get(sizes, ()), strict=False)
    )


_TIFF_DATA = ((273, 279), (324, 325))
"""Tags of the offsets and byte counts of strips and of tiles (TIFF 6.0, sections 3 and 15)."""
_TIFF_DATA_TAGS = frozenset(tag for pair in _TIFF_DATA for tag in pair)
