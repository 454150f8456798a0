"""WebP, AVIF, HEIF and BMP: what their containers declare."""

import struct


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


def boxes_are_cut(data: bytes) -> bool:
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
