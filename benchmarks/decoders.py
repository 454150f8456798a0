"""Ways from a JPEG's bytes to the model's 224×224 pixels."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from trustthepixels.infer.decode import Limits, decode_to_size
from trustthepixels.infer.memory import MemoryBudget
from trustthepixels.infer.preprocess import INPUT_SIZE, PixelArray

Decoder = Callable[[bytes], PixelArray]
"""Bytes to uint8 (224, 224, 3)."""

FULL, SCALED = "trustthepixels, in full", "trustthepixels, scaled"

_HEIGHT, _WIDTH = INPUT_SIZE
_MARGIN = 2
"""Scaled decoders leave at least so many times the target on both sides."""


def decoders() -> tuple[dict[str, Decoder], list[str]]:
    """The decoders that can run here by name, and those that are absent."""
    found: dict[str, Decoder] = {FULL: _ours(scaled=False), SCALED: _ours(scaled=True)}
    found |= {"Pillow, in full": _pillow, "Pillow, draft": _pillow_draft}
    absent = []
    for name, make in (
        ("simplejpeg", _simplejpeg),
        ("PyTurboJPEG", _turbojpeg),
        ("pyvips", _pyvips),
        ("OpenCV", _opencv),
    ):
        try:
            found |= make()
        except (ImportError, OSError, RuntimeError):
            absent.append(name)
    return found, absent


def _ours(*, scaled: bool) -> Decoder:
    budget, limits = MemoryBudget(), Limits(scaled=scaled)
    return lambda data: decode_to_size(data, INPUT_SIZE, limits, budget).pixels


def _pillow(data: bytes) -> PixelArray:
    return _resized(Image.open(io.BytesIO(data)).convert("RGB"))


def _pillow_draft(data: bytes) -> PixelArray:
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (_MARGIN * _WIDTH, _MARGIN * _HEIGHT))
    return _resized(image.convert("RGB"))


def _simplejpeg() -> dict[str, Decoder]:
    import simplejpeg

    at_least = {"min_height": _MARGIN * _HEIGHT, "min_width": _MARGIN * _WIDTH}

    def decoder(**options: Any) -> Decoder:
        return lambda data: _resized(
            Image.fromarray(simplejpeg.decode_jpeg(data, "RGB", **options))
        )

    return {
        "simplejpeg, in full": decoder(),
        "simplejpeg, scaled": decoder(**at_least),
        "simplejpeg, scaled and fast": decoder(**at_least, fastdct=True, fastupsample=True),
    }


def _turbojpeg() -> dict[str, Decoder]:
    from turbojpeg import TJPF_RGB, TurboJPEG

    jpeg = TurboJPEG()
    factors = sorted((f for f in jpeg.scaling_factors if f[0] <= f[1]), key=lambda f: f[0] / f[1])

    def scaled(data: bytes) -> PixelArray:
        width, height, *_ = jpeg.decode_header(data)
        factor = next(
            (
                (over, under)
                for over, under in factors
                if -(-width * over // under) >= _MARGIN * _WIDTH
                and -(-height * over // under) >= _MARGIN * _HEIGHT
            ),
            None,
        )
        pixels = jpeg.decode(data, pixel_format=TJPF_RGB, scaling_factor=factor)
        return _resized(Image.fromarray(pixels))

    return {"PyTurboJPEG, scaled": scaled}


def _pyvips() -> dict[str, Decoder]:
    import pyvips

    def thumbnail(data: bytes) -> PixelArray:
        image = pyvips.Image.thumbnail_buffer(data, _WIDTH, height=_HEIGHT, size="force")
        pixels: PixelArray = np.asarray(image)[:, :, :3]
        return pixels

    pyvips.cache_set_max(0)
    return {"pyvips, thumbnail": thumbnail}


def _opencv() -> dict[str, Decoder]:
    import cv2

    reduced = {
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }

    def scaled(data: bytes) -> PixelArray:
        width, height = Image.open(io.BytesIO(data)).size
        room = min(width // (_MARGIN * _WIDTH), height // (_MARGIN * _HEIGHT))
        flag = next((reduced[by] for by in (8, 4, 2) if by <= room), cv2.IMREAD_COLOR)
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        small: Any = cv2.resize(image, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
        # OpenCV's channels are blue, green, red.
        return np.ascontiguousarray(small[:, :, ::-1])

    cv2.setNumThreads(1)
    return {"OpenCV, reduced and area": scaled}


def _resized(image: Image.Image) -> PixelArray:
    return np.asarray(image.resize((_WIDTH, _HEIGHT), Image.Resampling.BILINEAR))
