"""Files that somebody made to hang, crash, exhaust or fool a scanner, each with its honest row.

All of them are made here, so that the repository holds none. ``CASES`` is the table of what is
expected: the name of the file says what is wrong with it.
"""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from trustthepixels.infer.results import FileStatus

Make = Callable[[Path], None]

OK, NOT_AN_IMAGE, UNSUPPORTED = FileStatus.OK, FileStatus.NOT_AN_IMAGE, FileStatus.UNSUPPORTED
TRUNCATED, CORRUPT, TOO_LARGE = FileStatus.TRUNCATED, FileStatus.CORRUPT, FileStatus.TOO_LARGE
TOO_SLOW, UNREADABLE = FileStatus.TOO_SLOW, FileStatus.UNREADABLE

END = b"\xff\xd9"
TIMEOUT_S = 10
"""Time limit that the cases are made for."""


def picture(width: int = 96, height: int = 72) -> Image.Image:
    """Gradients and noise, so that no part of a file is idle."""
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([rows * 3, columns * 2, rows + columns], axis=2) % 216
    noise = np.random.default_rng(7).integers(0, 40, smooth.shape)
    return Image.fromarray((smooth + noise).astype(np.uint8))


def encoded(format: str, image: Image.Image | None = None, **options: object) -> bytes:
    """A sound file."""
    stream = io.BytesIO()
    (image or picture()).save(stream, format, **options)
    return stream.getvalue()


def content(data: bytes) -> Make:
    """A file with this content."""
    return lambda path: path.write_bytes(data) and None


def edited(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """Return bytes with ``value`` in place, counted from the first ``mark``."""
    start = data.index(mark) + offset
    return data[:start] + value + data[start + len(value) :]


def chunk(kind: bytes, inside: bytes) -> bytes:
    """A chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + inside))
    return struct.pack(">I", len(inside)) + kind + inside + checksum


def png(width: int, height: int, pixels: bytes, *others: bytes) -> bytes:
    """An 8-bit grey PNG with these compressed pixels, and other chunks before them."""
    header = chunk(b"IHDR", struct.pack(">II5B", width, height, 8, 0, 0, 0, 0))
    parts = [header, *others, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def grey_rows(count: int) -> bytes:
    """Compressed rows of a grey PNG of 96 pixels a row."""
    return zlib.compress(b"".join(b"\0" + bytes([row % 256] * 96) for row in range(count)))


def thousands_of_scans() -> bytes:
    """A flat progressive JPEG whose last scan comes 20,000 times: each visits all 9 megapixels."""
    data = encoded("JPEG", Image.new("L", (3000, 3000), 99), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 20_000 + END


def tiff_of_many_tags() -> bytes:
    """A TIFF whose directory has 5,000 entries that each claim the whole file of 3 megabytes."""
    size = 3 << 20
    entry = b"".join(struct.pack("<HHII", tag, 1, size, 8) for tag in range(300, 5_300))
    directory = struct.pack("<H", 5_000) + entry + bytes(4)
    start = size + 8
    return b"II*\0" + struct.pack("<I", start) + bytes(size) + directory


def gif_of_comments() -> bytes:
    """A GIF with four megabytes of comment before its picture."""
    data = encoded("GIF", picture().convert("P"))
    comment = b"!\xfe" + (b"\xff" + b"c" * 255) * 16_000 + b"\0"
    start = 13 + (6 << (data[10] & 7))
    return data[:start] + comment + data[start:]


def webp_claiming(width: int, height: int) -> bytes:
    """A WebP whose extended header claims a canvas."""
    data = encoded("WEBP", picture().convert("RGBA"), exif=Image.Exif())
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4)
    extended += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + extended + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_tag(data: bytes, tag: int, value: int) -> bytes:
    """Return a little-endian TIFF with another value of one tag."""
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    for at in range(directory + 2, directory + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", data, at)[0] == tag:
            return data[: at + 8] + struct.pack("<I", value) + data[at + 12 :]
    raise AssertionError(f"no tag {tag}")


def sparse(size: int) -> Make:
    """A file of ``size`` bytes that begins with a sound JPEG and takes no room on the disk."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(encoded("JPEG"))
            file.truncate(size)

    return make


def listening(path: Path) -> None:
    """A socket."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


JPEG, PROGRESSIVE = encoded("JPEG"), encoded("JPEG", progressive=True)
RESTARTS = encoded("JPEG", restart_marker_blocks=4)
PNG, GIF = encoded("PNG"), encoded("GIF", picture().convert("P"))
BMP, TIFF = encoded("BMP"), encoded("TIFF")
TIFF_JPEG, TIFF_LZW = (encoded("TIFF", compression=name) for name in ("jpeg", "tiff_lzw"))
WEBP, AVIF = encoded("WEBP"), encoded("AVIF")
FRAME = b"\xff\xc0"


CASES: Mapping[str, tuple[FileStatus, Make]] = {
    # Sound files, in odd clothes.
    "png-called.jpg": (OK, content(PNG)),
    "jpeg-called.gif": (OK, content(JPEG)),
    "upper-case.JPEG": (OK, content(JPEG)),
    "link-to-a-file.jpg": (OK, lambda path: path.symlink_to("upper-case.JPEG")),
    "data-after-the-end.jpg": (OK, content(JPEG + b"zip" * 9999)),
    "no-end-mark.jpg": (OK, content(JPEG[:-2])),
    "bytes-between-segments.jpg": (OK, content(JPEG[:20] + bytes(3) + JPEG[20:])),
    "cmyk.jpg": (OK, content(encoded("JPEG", picture().convert("CMYK")))),
    "one-pixel.png": (OK, content(encoded("PNG", picture().resize((1, 1))))),
    "one-pixel-high.png": (OK, content(png(96, 1, grey_rows(1)))),
    "more-data-than-pixels.png": (OK, content(png(96, 2, grey_rows(9000)))),
    "many-small-chunks.png": (
        OK,
        content(png(96, 72, grey_rows(72), chunk(b"teSt", b"") * 30_000)),
    ),
    "comments.gif": (OK, content(gif_of_comments())),
    "animation-cut-later.gif": (OK, content(GIF[:-1] + b"!\xf9")),
    # Not images.
    "empty.jpg": (NOT_AN_IMAGE, content(b"")),
    "web-page.jpg": (NOT_AN_IMAGE, content(b"<!doctype html><title>404</title>")),
    "zeros.png": (NOT_AN_IMAGE, content(bytes(10_000))),
    "postscript.jpg": (NOT_AN_IMAGE, content(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")),
    "svg.png": (NOT_AN_IMAGE, content(b"<svg xmlns='http://www.w3.org/2000/svg'/>")),
    # Images that are not decoded.
    "jpeg-xl.jpg": (UNSUPPORTED, content(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99))),
    "photoshop.tif": (UNSUPPORTED, content(b"8BPS\0\1" + bytes(99))),
    "arithmetic.jpg": (UNSUPPORTED, content(JPEG.replace(FRAME, b"\xff\xc9", 1))),
    "lossless.jpg": (UNSUPPORTED, content(JPEG.replace(FRAME, b"\xff\xc3", 1))),
    "twelve-bits.jpg": (UNSUPPORTED, content(edited(JPEG, FRAME, 4, b"\x0c"))),
    "float.tif": (UNSUPPORTED, content(encoded("TIFF", Image.new("F", (9, 9))))),
    "old-jpeg.tif": (UNSUPPORTED, content(tiff_tag(TIFF_JPEG, 259, 6))),
    # Pixels are missing.
    "cut.jpg": (TRUNCATED, content(JPEG[: len(JPEG) // 2])),
    "cut-and-closed.jpg": (TRUNCATED, content(JPEG[: len(JPEG) // 2] + END)),
    "cut-and-closed-at-a-restart.jpg": (
        TRUNCATED,
        content(RESTARTS[: RESTARTS.index(b"\xff\xd3")] + END),
    ),
    "last-scans-lost.jpg": (
        TRUNCATED,
        content(PROGRESSIVE[: PROGRESSIVE.rindex(b"\xff\xc4")] + END),
    ),
    "claims-25-megapixels.jpg": (TRUNCATED, content(edited(JPEG, FRAME, 5, b"\x13\x88\x13\x88"))),
    "zeros-for-the-rest.jpg": (TRUNCATED, content(JPEG[: len(JPEG) // 2] + bytes(len(JPEG)))),
    "cut.png": (TRUNCATED, content(PNG[: len(PNG) // 2])),
    "pixels-end-early.png": (TRUNCATED, content(png(96, 72, grey_rows(30)))),
    "cut.gif": (TRUNCATED, content(GIF[: len(GIF) // 2])),
    "cut-and-closed.gif": (TRUNCATED, content(GIF[:1500] + b"\0;")),
    "cut.webp": (TRUNCATED, content(WEBP[: len(WEBP) // 2])),
    "cut.bmp": (TRUNCATED, content(BMP[: len(BMP) // 2])),
    "cut.tif": (TRUNCATED, content(TIFF[: len(TIFF) // 2])),
    "strips-missing.tif": (TRUNCATED, content(tiff_tag(TIFF, 278, 10))),
    "jpeg-strip-cut.tif": (TRUNCATED, content(tiff_tag(TIFF_JPEG, 279, 2000))),
    "cut.avif": (TRUNCATED, content(AVIF[: len(AVIF) // 2])),
    "claims-9-megapixels.bmp": (
        TRUNCATED,
        content(edited(BMP, b"BM", 18, struct.pack("<ii", 3000, 3000))),
    ),
    # Pixels are damaged.
    "checksum.png": (CORRUPT, content(PNG[:3000] + bytes([PNG[3000] ^ 1]) + PNG[3001:])),
    "data-left-over.jpg": (CORRUPT, content(JPEG[:-2] + b"\x12\x34" * 50 + END)),
    "lost-restart-interval.jpg": (
        CORRUPT,
        content(RESTARTS[: RESTARTS.index(b"\xff\xd1")] + RESTARTS[RESTARTS.index(b"\xff\xd2") :]),
    ),
    "damaged.tif": (
        CORRUPT,
        content(TIFF_LZW[:5000] + bytes(3000) + TIFF_LZW[8000:]),
    ),
    "no-pixels.png": (CORRUPT, content(png(0, 0, grey_rows(1)))),
    # Bombs.
    "claims-2-gigapixels.png": (TOO_LARGE, content(png(65_000, 32_000, grey_rows(1)))),
    "claims-4-gigapixels.gif": (TOO_LARGE, content(edited(GIF, b"GIF", 6, b"\xff" * 4))),
    "claims-268-megapixels.webp": (TOO_LARGE, content(webp_claiming(16_383, 16_383))),
    "claims-4-gigapixels.bmp": (
        TOO_LARGE,
        content(edited(BMP, b"BM", 18, struct.pack("<ii", 65_000, 65_000))),
    ),
    "claims-4-gigapixels.tif": (
        TOO_LARGE,
        content(tiff_tag(tiff_tag(TIFF, 256, 65_000), 257, 65_000)),
    ),
    "inflates-beyond-the-memory.png": (
        TOO_LARGE,
        content(png(12_000, 12_000, zlib.compress(bytes(12_001 * 12_000), 9))),
    ),
    "five-gigabytes.jpg": (TOO_LARGE, sparse(5 << 30)),
    "beyond-the-memory.jpg": (TOO_LARGE, sparse(400 << 20)),
    "text-that-inflates.png": (
        OK,
        content(
            png(96, 72, grey_rows(72), chunk(b"zTXt", b"c\0\0" + zlib.compress(bytes(9**8), 9)))
        ),
    ),
    "texts-that-inflate.png": (
        OK,
        content(
            png(96, 72, grey_rows(72), chunk(b"zTXt", b"c\0\0" + zlib.compress(bytes(10**6))) * 500)
        ),
    ),
    "profile-that-inflates.png": (
        OK,
        content(
            png(96, 72, grey_rows(72), chunk(b"iCCP", b"c\0\0" + zlib.compress(bytes(9**8), 9)))
        ),
    ),
    "thousands-of-scans.jpg": (TOO_SLOW, content(thousands_of_scans())),
    "five-thousand-tags.tif": (CORRUPT, content(tiff_of_many_tags())),
    # Not files.
    "pipe.jpg": (UNREADABLE, lambda path: os.mkfifo(path)),
    "link-to-a-pipe.jpg": (UNREADABLE, lambda path: path.symlink_to("pipe.jpg")),
    "socket.png": (UNREADABLE, listening),
    "device.jpg": (UNREADABLE, lambda path: path.symlink_to("/dev/zero")),
    "link-to-nothing.jpg": (UNREADABLE, lambda path: path.symlink_to("nothing")),
    "link-to-itself.jpg": (UNREADABLE, lambda path: path.symlink_to(path.name)),
}
"""For each name of a file, its status and how to make it."""


def make_all(folder: Path) -> None:
    """Make every case in a folder; and a folder with the name of a picture, which is none."""
    for name, (_, make) in CASES.items():
        make(folder / name)
    (folder / "folder.jpg").mkdir()


def make_sound(folder: Path) -> None:
    """Make the files that neighbours must not change, spread over the alphabet."""
    for number, letter in enumerate("0abcdefghijklmnopqrstuvwxyz"):
        options = {"quality": 60 + number, "progressive": bool(number % 2)}
        data = encoded("JPEG", picture(60 + number, 70), **options)
        (folder / f"{letter}-sound.jpg").write_bytes(data)
