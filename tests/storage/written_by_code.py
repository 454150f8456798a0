"""A picture in ways of storing that Pillow reads and does not write."""

import io
import itertools
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pillow_heif
from image_files import png_chunk
from jpeg_files import jpeg
from small_pictures import SIZE, picture, samples
from tiff_files import DEFLATE, RAW, tiff


def _packed(values: np.ndarray, bits: int) -> bytes:
    """Return rows of samples (height, width × samples) of so many bits, each row whole bytes."""
    if bits == 16:
        return values.astype(">u2").tobytes()
    if bits == 8:
        return values.astype(np.uint8).tobytes()
    wide = (values[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(wide.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_ADAM7 += ((0, 1, 1, 2),)


def png(values: np.ndarray, colour: int, bits: int, *, interlaced: bool, extra: bytes) -> bytes:
    """Return a PNG of samples (height, width, samples) without filters; ``extra`` is chunks."""
    height, width, _ = values.shape
    lines = []
    for x, y, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = values[y::down, x::across]
        if part.size:
            packed = _packed(part.reshape(len(part), -1), bits)
            row = len(packed) // len(part)
            lines += [b"\0" + packed[at : at + row] for at in range(0, len(packed), row)]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            extra,
            png_chunk(b"IDAT", zlib.compress(b"".join(lines))),
            png_chunk(b"IEND", b""),
        ]
    )


_PNG_KINDS = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16))}
_PNG_KINDS[6] = (4, (8, 16))
"""Samples and bits of each colour type (PNG specification, table 11.1)."""


def _png_files() -> Iterator[tuple[str, bytes]]:
    for colour, (count, depths) in _PNG_KINDS.items():
        for bits, interlaced, clear in itertools.product(depths, (False, True), (False, True)):
            if clear and colour in (4, 6):
                continue
            values = samples(count).astype(int)
            # The two bytes of a sample differ.
            values = values * 257 ^ 0x5A if bits == 16 else values >> (8 - bits)
            extra = b""
            if colour == 3:
                grey = [value * 255 // ((1 << bits) - 1) for value in range(1 << bits)]
                extra = png_chunk(b"PLTE", bytes(np.repeat(grey, 3).astype(np.uint8)))
                extra += png_chunk(b"tRNS", bytes([0, 128])) if clear else b""
            elif clear:
                extra = png_chunk(b"tRNS", values[0, 0].astype(">u2").tobytes())
            name = f"PNG type {colour} of {bits} bits{' interlaced' * interlaced}"
            data = png(values, colour, bits, interlaced=interlaced, extra=extra)
            yield f"{name}{' with tRNS' * clear}", data


_TIFF_KINDS = {
    "white is zero": (0, 1, ()),
    "black is zero": (1, 1, ()),
    "grey alpha": (1, 2, (2,)),
    "RGB": (2, 3, ()),
    "RGBX": (2, 4, (0,)),
    "RGBA": (2, 4, (2,)),
    "premultiplied": (2, 4, (1,)),
    "CMYK": (5, 4, ()),
    "YCbCr": (6, 3, ()),
    "LAB": (8, 3, ()),
}
"""Photometric interpretation, samples and extra samples."""


def _tiff_files() -> Iterator[tuple[str, bytes]]:
    ways = itertools.product(
        _TIFF_KINDS.items(), (8, 16, 32), "<>", (False, True), (0, 16), (RAW, DEFLATE)
    )
    for (kind, (photometric, count, extra)), bits, order, planar, tile, compression in ways:
        values = samples(count).astype(np.int64) * {8: 1, 16: 257, 32: 0x01010101}[bits]
        where = "planes" if planar else "pixels"
        name = f"TIFF {kind} of {bits} bits {order} {where} {'tiles' if tile else 'strips'}"
        settings = {"bits": bits, "order": order, "planar": planar, "tile": tile, "extra": extra}
        tags = {530: (1, 1)} if kind == "YCbCr" else {}
        data = tiff(values, photometric, compression=compression, tags=tags, **settings)
        yield f"{name}{' deflate' * (compression == DEFLATE)}", data
        if bits == 32:
            values = values / 0xFFFFFFFF
            data = tiff(values, photometric, sample_format=3, tags=tags, **settings)
            yield f"{name} float", data


def _bmp(
    bits: int,
    rows: bytes,
    *,
    compression: int = 0,
    palette: bytes = b"",
    header: int = 40,
    height: int = SIZE[1],
    masks: bytes = b"",
) -> bytes:
    if header == 12:
        info = struct.pack("<IHHHH", 12, SIZE[0], height, 1, bits)
    else:
        fields = (
            header,
            SIZE[0],
            height,
            1,
            bits,
            compression,
            len(rows),
            0,
            0,
            len(palette) // 4,
            0,
        )
        info = struct.pack("<IiiHHIIiiII", *fields) + masks.ljust(max(0, header - 40), b"\0")
        info += masks if header == 40 else b""
    start = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info + palette + rows


def _bmp_rows(values: np.ndarray, bits: int) -> bytes:
    packed = np.frombuffer(values, np.uint8).reshape(SIZE[1], -1) if bits > 8 else None
    if packed is None:
        packed = np.frombuffer(_packed(values, bits), np.uint8).reshape(SIZE[1], -1)
    padded = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 4)))
    return padded[::-1].tobytes()


def _bmp_files() -> Iterator[tuple[str, bytes]]:
    grey = np.asarray(picture("L")).astype(int)
    colours = np.asarray(picture()).astype(int)
    for bits in (1, 4, 8):
        steps = np.arange(1 << bits) * 255 // ((1 << bits) - 1)
        for header in (12, 40, 108, 124):
            palette = np.repeat(steps[:, None], 3, axis=1).astype(np.uint8)
            if header != 12:
                palette = np.pad(palette, ((0, 0), (0, 1)))
            rows = _bmp_rows(grey >> (8 - bits), bits)
            data = _bmp(bits, rows, palette=palette.tobytes(), header=header)
            yield f"BMP of {bits} bits, header {header}", data
    bgr = np.ascontiguousarray(colours[:, :, ::-1].astype(np.uint8))
    bgra = np.ascontiguousarray(np.pad(bgr, ((0, 0), (0, 0), (0, 1)), constant_values=255))
    red, green, blue = (colours[:, :, band] for band in range(3))
    low = ((red >> 3) << 10 | (green >> 3) << 5 | blue >> 3).astype("<u2")
    high = ((red >> 3) << 11 | (green >> 2) << 5 | blue >> 3).astype("<u2")
    for header in (12, 40, 108, 124):
        yield f"BMP of 24 bits, header {header}", _bmp(24, _bmp_rows(bgr, 24), header=header)
    for header in (40, 108, 124):
        yield f"BMP of 32 bits, header {header}", _bmp(32, _bmp_rows(bgra, 32), header=header)
        yield f"BMP of 16 bits, header {header}", _bmp(16, _bmp_rows(low, 16), header=header)
        masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
        data = _bmp(16, _bmp_rows(high, 16), compression=3, masks=masks, header=header)
        yield f"BMP of 16 bits 5-6-5, header {header}", data
        masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)[
            : 12 if header == 40 else 16
        ]
        data = _bmp(32, _bmp_rows(bgra, 32), compression=3, masks=masks, header=header)
        yield f"BMP of 32 bits with masks, header {header}", data
    upside_down = np.frombuffer(_bmp_rows(bgr, 24), np.uint8).reshape(SIZE[1], -1)[::-1]
    yield "BMP from the top", _bmp(24, upside_down.tobytes(), height=-SIZE[1])
    palette = np.pad(
        np.repeat(np.arange(256)[:, None], 3, axis=1).astype(np.uint8), ((0, 0), (0, 1))
    )
    runs = b"".join(b"".join(bytes([1, value]) for value in line) + b"\0\0" for line in grey[::-1])
    yield "BMP RLE8", _bmp(8, runs + b"\0\1", compression=1, palette=palette.tobytes())
    runs = b"".join(
        b"".join(bytes([1, value & 0xF0]) for value in line) + b"\0\0" for line in grey[::-1]
    )
    data = _bmp(4, runs + b"\0\1", compression=2, palette=palette[::17].tobytes())
    yield "BMP RLE4", data


def _jpeg_files() -> Iterator[tuple[str, bytes]]:
    planes = [np.asarray(band) for band in picture("YCbCr").split()]
    keys = [np.asarray(band) for band in picture("CMYK").split()]
    yield "JPEG of two components", jpeg([planes[0]] * 2, [(1, 1)] * 2, SIZE)
    for first, second, third in itertools.product(((1, 1), (2, 1), (2, 2), (1, 2)), repeat=3):
        yield f"JPEG {first} {second} {third}", jpeg(planes, [first, second, third], SIZE)
    for factors in ((2, 2), (1, 1)):
        data = jpeg(keys, [factors, (1, 1), (1, 1), factors], SIZE, adobe=0)
        yield f"JPEG CMYK {factors}", data
    yield "JPEG not interleaved", jpeg(planes, [(2, 2), (1, 1), (1, 1)], SIZE, interleaved=False)


def _heic_files() -> Iterator[tuple[str, bytes]]:
    deep = np.repeat(np.asarray(picture("I;16"))[:, :, None], 3, axis=2)
    for bits in (10, 12):
        stream = io.BytesIO()
        pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
        heif = pillow_heif.from_bytes("RGB;16", SIZE, deep.tobytes())
        heif.save(stream)
        yield f"HEIF of {bits} bits", stream.getvalue()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = False


def written_by_code() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the file for ways of storing that Pillow reads and does not write."""
    yield from _png_files()
    yield from _tiff_files()
    yield from _bmp_files()
    yield from _jpeg_files()
    yield from _heic_files()
    stream = io.BytesIO()
    picture("P").save(stream, "GIF")
    yield "GIF of 1987", stream.getvalue().replace(b"GIF89a", b"GIF87a", 1)
