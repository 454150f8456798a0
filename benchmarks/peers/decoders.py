"""Decoders that turn a JPEG's bytes into pixels at the model's size."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.images.decode import SCALED_MARGIN, decode_to_size
from trustthepixels.infer.images.formats.jpeg import open_jpeg
from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.images.limits import DecodeSize, Limits
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.images.views import views_of

Decoder = Callable[[bytes], PixelArray]
"""Function that turns bytes into uint8 (height, width, 3)."""

Size = tuple[int, int]
"""Height and width of the model's input."""

FULL, SCALED = "trustthepixels, in full", "trustthepixels, scaled"

CLOSER = {f"trustthepixels, {margin} times": margin for margin in (5, 4, 3, 2)}
"""Names of the scanner's decoder with margins below its own, and these margins."""


def decoders(size: Size) -> tuple[dict[str, Decoder], list[str]]:
    """Return the installed decoders by name, and the names of those that are missing."""
    found: dict[str, Decoder] = {
        FULL: _ours(size, DecodeSize.FULL),
        SCALED: _ours(size, DecodeSize.SCALED),
        **{name: partial(_ours_at_margin, size, margin) for name, margin in CLOSER.items()},
        "Pillow, in full": partial(_pillow, size),
        "Pillow, draft": partial(_pillow_draft, size),
    }
    absent = []
    for name, make in (
        ("simplejpeg", _simplejpeg),
        ("PyTurboJPEG", _turbojpeg),
        ("pyvips", _pyvips),
        ("OpenCV", _opencv),
    ):
        try:
            found |= make(size)
        except (ImportError, OSError, RuntimeError):
            absent.append(name)
    return found, absent


def _ours(size: Size, decode_size: DecodeSize) -> Decoder:
    budget, limits = MemoryBudget(), Limits(decode_size=decode_size)
    return lambda data: decode_to_size(data, InputShape(*size), limits, budget).pixels


def _ours_at_margin(size: Size, margin: int, data: bytes) -> PixelArray:
    decoded = open_jpeg(identify(data), Limits()).decode((margin * size[0], margin * size[1]))
    return views_of(decoded.image, InputShape(*size), decoded.box)


def _pillow(size: Size, data: bytes) -> PixelArray:
    return _resized(Image.open(io.BytesIO(data)).convert("RGB"), size)


def _pillow_draft(size: Size, data: bytes) -> PixelArray:
    image = Image.open(io.BytesIO(data))
    height, width = _at_least(size)
    image.draft("RGB", (width, height))
    return _resized(image.convert("RGB"), size)


def _simplejpeg(size: Size) -> dict[str, Decoder]:
    import simplejpeg

    height, width = _at_least(size)
    at_least = {"min_height": height, "min_width": width}

    def decoder(**options: Any) -> Decoder:
        return lambda data: _resized(
            Image.fromarray(simplejpeg.decode_jpeg(data, "RGB", **options)), size
        )

    return {
        "simplejpeg, in full": decoder(),
        "simplejpeg, scaled": decoder(**at_least),
        "simplejpeg, scaled and fast": decoder(**at_least, fastdct=True, fastupsample=True),
    }


def _turbojpeg(size: Size) -> dict[str, Decoder]:
    from turbojpeg import TJPF_RGB, TurboJPEG

    jpeg = TurboJPEG()
    factors = sorted((f for f in jpeg.scaling_factors if f[0] <= f[1]), key=lambda f: f[0] / f[1])
    least_height, least_width = _at_least(size)

    def scaled(data: bytes) -> PixelArray:
        width, height, *_ = jpeg.decode_header(data)
        factor = next(
            (
                (over, under)
                for over, under in factors
                if -(-width * over // under) >= least_width
                and -(-height * over // under) >= least_height
            ),
            None,
        )
        pixels = jpeg.decode(data, pixel_format=TJPF_RGB, scaling_factor=factor)
        return _resized(Image.fromarray(pixels), size)

    return {"PyTurboJPEG, scaled": scaled}


def _pyvips(size: Size) -> dict[str, Decoder]:
    import pyvips

    height, width = size

    def thumbnail(data: bytes) -> PixelArray:
        image = pyvips.Image.thumbnail_buffer(data, width, height=height, size="force")
        # Grey pictures stay grey in libvips.
        pixels: PixelArray = np.asarray(image.colourspace("srgb"))[:, :, :3]
        return pixels

    pyvips.cache_set_max(0)
    return {"pyvips, thumbnail": thumbnail}


def _opencv(size: Size) -> dict[str, Decoder]:
    import cv2

    reduced = {
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }
    least_height, least_width = _at_least(size)

    def scaled(data: bytes) -> PixelArray:
        width, height = Image.open(io.BytesIO(data)).size
        room = min(width // least_width, height // least_height)
        flag = next((reduced[by] for by in (8, 4, 2) if by <= room), cv2.IMREAD_COLOR)
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        small: Any = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        # OpenCV's channels are blue, green, red.
        return np.ascontiguousarray(small[:, :, ::-1])

    cv2.setNumThreads(1)
    return {"OpenCV, reduced and area": scaled}


def _at_least(size: Size) -> Size:
    """Return the least height and width after scaled decoding, the scanner's own margin."""
    return SCALED_MARGIN * size[0], SCALED_MARGIN * size[1]


def _resized(image: Image.Image, size: Size) -> PixelArray:
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))
