"""One photograph in 26 encodings, and 58 damaged versions of each: 1,508 files made by code."""

import io
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from image_files import encoded, png_chunk
from jpeg_files import jpeg
from PIL import Image
from tiff_files import tiff

PHOTOGRAPH = Path(__file__).parents[2] / "examples" / "Real" / "coffee.jpg"
SIZE = (320, 240)

BLOCK = 32
"""Side in pixels of the blocks that are compared."""

VISIBLE = 10.0
"""Mean difference of a block, of 255, from which a picture counts as visibly wrong."""


def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as image:
        return image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)


def _interlaced_png(picture: Image.Image) -> bytes:
    pixels = np.asarray(picture)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4))
    passes += ((1, 0, 2, 2), (0, 1, 1, 2))
    rows = [
        b"\0" + line.tobytes()
        for x, y, across, down in passes
        for line in pixels[y::down, x::across]
    ]
    size = b"".join(side.to_bytes(4, "big") for side in picture.size)
    chunks = [
        png_chunk(b"IHDR", size + bytes([8, 2, 0, 0, 1])),
        png_chunk(b"IDAT", zlib.compress(b"".join(rows))),
        png_chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _odd_jpeg(picture: Image.Image) -> bytes:
    """Return a JPEG whose sampling factors ``simplejpeg`` does not take."""
    planes = [np.asarray(band) for band in picture.convert("YCbCr").split()]
    return jpeg(planes, [(2, 2), (1, 2), (1, 1)], picture.size)


def _heic(picture: Image.Image) -> bytes:
    from pillow_heif import from_pillow

    stream = io.BytesIO()
    from_pillow(picture).save(stream)
    return stream.getvalue()


def encodings() -> dict[str, tuple[str, bytes]]:
    """Return the extension and the content of the whole picture in each encoding, by name."""
    picture = photograph()
    pixels = np.asarray(picture)
    grey, palette = picture.convert("L"), picture.convert("P")
    clear = picture.convert("RGBA")
    clear.putalpha(grey.point(lambda value: min(255, 128 + value)))
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return {
        "jpeg": ("jpg", encoded("JPEG", picture, quality=90)),
        "jpeg progressive": ("jpg", encoded("JPEG", picture, quality=90, progressive=True)),
        "jpeg grey": ("jpg", encoded("JPEG", grey, quality=90)),
        "jpeg cmyk": ("jpg", encoded("JPEG", picture.convert("CMYK"), quality=90)),
        "jpeg restarts": ("jpg", encoded("JPEG", picture, restart_marker_rows=1)),
        "jpeg odd sampling": ("jpg", _odd_jpeg(picture)),
        "png": ("png", encoded("PNG", picture)),
        "png 16 bits": ("png", encoded("PNG", deep)),
        "png palette": ("png", encoded("PNG", palette)),
        "png interlaced": ("png", _interlaced_png(picture)),
        "png alpha": ("png", encoded("PNG", clear)),
        "webp": ("webp", encoded("WEBP", picture)),
        "webp lossless": ("webp", encoded("WEBP", picture, lossless=True)),
        "webp alpha": ("webp", encoded("WEBP", clear)),
        "gif": ("gif", encoded("GIF", palette, interlace=0)),
        "gif interlaced": ("gif", encoded("GIF", palette, interlace=1)),
        "bmp": ("bmp", encoded("BMP", picture)),
        "tiff": ("tif", encoded("TIFF", picture)),
        "tiff planes": ("tif", tiff(pixels, 2, planar=True, rows=16)),
        "tiff 16 bits": ("tif", tiff(pixels.astype(int) * 257, 2, bits=16, rows=16)),
        "tiff lzw": ("tif", encoded("TIFF", picture, compression="tiff_lzw")),
        "tiff deflate": ("tif", encoded("TIFF", picture, compression="tiff_adobe_deflate")),
        "tiff packbits": ("tif", encoded("TIFF", picture, compression="packbits")),
        "tiff jpeg": ("tif", encoded("TIFF", picture, compression="jpeg", quality=90)),
        "avif": ("avif", encoded("AVIF", picture, speed=8)),
        "heic": ("heic", _heic(picture)),
    }


@dataclass(frozen=True)
class Damaged:
    """A damaged file.

    Attributes:
        encoding: name of its encoding.
        damage: name of the damage.
        name: name of the file.
        data: its content.
    """

    encoding: str
    damage: str
    name: str
    data: bytes


Damage = Callable[[bytes, random.Random], bytes]

_CUTS = (0.03, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.97, 0.995)
_TAILS = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def _replaced(data: bytes, chance: random.Random, size: int, content: bytes) -> bytes:
    at = chance.randrange(len(data) // 20, len(data) - size)
    return data[:at] + content[:size] + data[at + size :]


def _flipped(data: bytes, chance: random.Random, count: int) -> bytes:
    changed = bytearray(data)
    for at in chance.sample(range(len(data)), count):
        changed[at] ^= chance.randrange(1, 256)
    return bytes(changed)


def _moved(data: bytes, chance: random.Random, size: int, times: int) -> bytes:
    """Return the data with one block there ``times`` times."""
    at = chance.randrange(len(data) // 20, len(data) - size)
    return data[:at] + data[at : at + size] * times + data[at + size :]


def _sizes(data: bytes) -> tuple[int, ...]:
    return tuple(max(16, len(data) // share) for share in (400, 100, 40, 20, 10, 5))


def damaged_versions(data: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield the kind of damage and the damaged content, 58 times."""
    chance = random.Random(seed)
    for kept in _CUTS:
        yield "cut", data[: int(len(data) * kept)]
    for kept in _TAILS:
        end = int(len(data) * kept)
        yield "zero tail", data[:end] + bytes(len(data) - end)
    for count in (1, 1, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8):
        yield "flipped", _flipped(data, chance, count)
    for size in _sizes(data):
        yield "zeros", _replaced(data, chance, size, bytes(size))
        yield "ones", _replaced(data, chance, size, b"\xff" * size)
        yield "noise", _replaced(data, chance, size, chance.randbytes(size))
    for size in _sizes(data)[:5]:
        yield "repeated", _moved(data, chance, size, 2)
        yield "removed", _moved(data, chance, size, 0)


def all_damaged(whole: dict[str, tuple[str, bytes]]) -> Iterator[Damaged]:
    """Yield all damaged versions of these encodings."""
    for encoding, (extension, data) in whole.items():
        seed = zlib.crc32(encoding.encode())
        for number, (damage, content) in enumerate(damaged_versions(data, seed)):
            name = f"{encoding} {number:02} {damage}".replace(" ", "-")
            yield Damaged(encoding, damage, f"{name}.{extension}", content)


def is_visibly_wrong(picture: Image.Image, whole: Image.Image) -> bool:
    """Return whether a picture has another size than the whole one, or a block that differs."""
    return picture.size != whole.size or worst_block(picture, whole) > VISIBLE


def worst_block(picture: Image.Image, whole: Image.Image) -> float:
    """Return the largest mean difference of a block of two pictures of one size, 0 to 255."""
    difference = np.abs(np.asarray(picture).astype(int) - np.asarray(whole)).mean(axis=2)
    down, across = (np.arange(0, side, BLOCK) for side in difference.shape)
    sums = np.add.reduceat(np.add.reduceat(difference, down, axis=0), across, axis=1)
    ones = np.add.reduceat(np.add.reduceat(np.ones_like(difference), down, axis=0), across, axis=1)
    return float((sums / ones).max())
