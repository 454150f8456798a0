"""Small files of every format, made by code, and what decoding them gives."""

import io
import itertools
import random
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from trustthepixels.infer.images.decode import DecodedImage, DecodeError, Limits, decode
from trustthepixels.infer.results import FileStatus


def photograph() -> Image.Image:
    """A small picture with gradients and noise, so that no part of a file is idle."""
    rows, columns = np.mgrid[0:72, 0:96]
    smooth = np.stack([rows * 3, columns * 2, rows + columns], axis=2)
    noise = np.random.default_rng(7).integers(0, 40, smooth.shape)
    return Image.fromarray((smooth + noise).astype(np.uint8))


def encoded(format: str, picture: Image.Image | None = None, **options) -> bytes:
    stream = io.BytesIO()
    (picture or photograph()).save(stream, format, **options)
    return stream.getvalue()


FILES = {
    "jpeg": encoded("JPEG"),
    "jpeg-progressive": encoded("JPEG", progressive=True),
    "jpeg-restarts": encoded("JPEG", restart_marker_blocks=4),
    "png": encoded("PNG"),
    "png-palette": encoded("PNG", photograph().convert("P")),
    "webp": encoded("WEBP"),
    "webp-lossless": encoded("WEBP", lossless=True),
    "gif": encoded("GIF", photograph().convert("P")),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "tiff-lzw": encoded("TIFF", compression="tiff_lzw"),
    "tiff-deflate": encoded("TIFF", compression="tiff_adobe_deflate"),
    "tiff-jpeg": encoded("TIFF", compression="jpeg"),
    "avif": encoded("AVIF"),
}
"""One sound file of each kind, by name."""


DEFAULT_LIMITS = Limits()


def outcome(data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage | DecodeError:
    """Return the result of ``decode`` or its typed error; any other exception fails the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode(data, limits)
    except DecodeError as error:
        assert error.status is not FileStatus.OK
        assert error.reason
        assert "\n" not in error.reason
        return error


def refusal(data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodeError:
    result = outcome(data, limits)
    assert isinstance(result, DecodeError), "it was decoded"
    return result


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")


def with_png_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """Return a PNG with the content of one chunk replaced."""
    start = data.index(kind) - 4
    length = int.from_bytes(data[start : start + 4], "big") + 12
    return data[:start] + png_chunk(kind, content) + data[start + length :]


EXTENSIONS = ("jpg", "png", "webp", "gif", "bmp", "tiff", "jpeg")


def make_pictures(folder: Path, examples: list[Path], count: int) -> None:
    """Cut small pictures out of the examples, in all formats; every fiftieth is damaged."""
    chance = random.Random(42)
    loaded = [Image.open(path).convert("RGB") for path in examples]
    for number, picture in zip(range(count), itertools.cycle(loaded), strict=False):
        width, height = chance.randint(40, 160), chance.randint(40, 160)
        left = chance.randint(0, picture.width - width)
        top = chance.randint(0, picture.height - height)
        crop = picture.crop((left, top, left + width, top + height))
        extension = EXTENSIONS[number % len(EXTENSIONS)]
        path = folder / f"{number % 10}" / f"{number:04}.{extension}"
        path.parent.mkdir(exist_ok=True)
        crop.save(path)
        if number % 50 == 49:
            path.write_bytes(path.read_bytes()[: chance.choice([0, 10, 500])])
