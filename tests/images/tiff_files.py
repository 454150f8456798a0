"""TIFFs in every way of storing pixels, made by code from an array."""

import struct
import zlib

import numpy as np

RAW, DEFLATE = 1, 8


def tiff(
    pixels: np.ndarray,
    photometric: int,
    *,
    bits: int = 8,
    planar: bool = False,
    order: str = "<",
    tile: int = 0,
    rows: int = 7,
    compression: int = RAW,
    extra: tuple[int, ...] = (),
    sample_format: int = 1,
    tags: dict[int, tuple[int, ...]] | None = None,
) -> bytes:
    """Return a TIFF of an array (height, width, samples), in strips or in square tiles.

    Args:
        pixels: values as stored.
        photometric: photometric interpretation.
        bits: bits of a sample: 8, 16 or 32.
        planar: each sample has strips of its own.
        order: byte order, as ``struct`` has it.
        tile: side of a tile; 0 for strips.
        rows: rows of a strip.
        compression: ``RAW`` or ``DEFLATE``.
        extra: meanings of the extra samples.
        sample_format: 1 for integers, 3 for floating point.
        tags: further tags of type SHORT.
    """
    height, width, samples = pixels.shape
    kind = "f" if sample_format == 3 else "u"
    stored = pixels.astype(f"{order}{kind}{bits // 8}")
    planes = [stored[:, :, [band]] for band in range(samples)] if planar else [stored]
    parts = []
    for plane in planes:
        down, across = (tile, tile) if tile else (rows, width)
        for top in range(0, height, down):
            for left in range(0, width, across):
                part = plane[top : top + down, left : left + across]
                if tile:
                    missing = (tile - part.shape[0], tile - part.shape[1])
                    part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)))
                content = part.tobytes()
                parts.append(zlib.compress(content) if compression == DEFLATE else content)
    body = b"".join(parts)
    starts = [8 + sum(map(len, parts[:number])) for number in range(len(parts))]
    entries = {
        256: ("I", (width,)),
        257: ("I", (height,)),
        258: ("H", (bits,) * samples),
        259: ("H", (compression,)),
        262: ("H", (photometric,)),
        277: ("H", (samples,)),
        284: ("H", (2 if planar else 1,)),
        324 if tile else 273: ("I", tuple(starts)),
        325 if tile else 279: ("I", tuple(map(len, parts))),
        339: ("H", (sample_format,) * samples),
    }
    entries |= {322: ("I", (tile,)), 323: ("I", (tile,))} if tile else {278: ("I", (rows,))}
    entries |= {338: ("H", extra)} if extra else {}
    entries |= {tag: ("H", values) for tag, values in (tags or {}).items()}
    return _file(body + bytes(len(body) % 2), entries, order)


def _file(body: bytes, entries: dict[int, tuple[str, tuple[int, ...]]], order: str) -> bytes:
    directory = struct.pack(f"{order}H", len(entries))
    beyond = b""
    start = 8 + len(body) + 2 + 12 * len(entries) + 4
    for tag, (code, values) in sorted(entries.items()):
        value = struct.pack(f"{order}{len(values)}{code}", *values)
        directory += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[code], len(values))
        if len(value) <= 4:
            directory += value.ljust(4, b"\0")
        else:
            directory += struct.pack(f"{order}I", start + len(beyond))
            beyond += value + bytes(len(value) % 2)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    head = magic + struct.pack(f"{order}I", 8 + len(body))
    return head + body + directory + bytes(4) + beyond
