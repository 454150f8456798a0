"""A labelled picture from its file to pixels: as a scan decodes it, or in full to be changed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from trustthepixels.infer.errors import ImageError, InputError
from trustthepixels.infer.files.read import read_file
from trustthepixels.infer.images.decode import ModelInput, Unlimited, decode, decode_to_size
from trustthepixels.infer.images.failures import ImageHeader
from trustthepixels.infer.images.limits import DEFAULT_LIMITS
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.images.views import views_of

from ..data.manifest import Sample
from .tiers import Tier, degrade


def load_image(path: Path, tier: Tier = Tier.CLEAN) -> Image.Image:
    """Return a picture in upright 8-bit RGB, decoded in full, as its tier leaves it.

    Raises:
        InputError: the picture cannot be read or decoded; training pictures must be sound.
    """
    with _must_be_sound(path):
        return _decoded(path, tier)


def load_pixels(path: Path, shape: InputShape, tier: Tier = Tier.CLEAN) -> PixelArray:
    """Return the network's input of a picture, uint8 of shape ``shape.axes``.

    Raises:
        InputError: the picture cannot be read or decoded.
    """
    with _must_be_sound(path):
        return _seen(path, shape, tier).pixels


def see_picture(sample: Sample, shape: InputShape, tier: Tier = Tier.CLEAN) -> ModelInput:
    """Return a picture as the model sees it; in the clean tier exactly the pixels of a scan.

    Args:
        sample: the picture.
        shape: shape of the model's input.
        tier: degradation of the picture.

    Raises:
        ImageError: the picture cannot be read or decoded.
    """
    return _seen(sample.path, shape, tier)


def _seen(path: Path, shape: InputShape, tier: Tier) -> ModelInput:
    if tier is Tier.CLEAN:
        return decode_to_size(_read(path), shape, DEFAULT_LIMITS, Unlimited())
    image = _decoded(path, tier)
    return ModelInput(views_of(image, shape), ImageHeader(image.width, image.height, ""))


def _decoded(path: Path, tier: Tier) -> Image.Image:
    return degrade(decode(_read(path)).image, tier)


def _read(path: Path) -> bytes:
    return read_file(os.fsencode(path), DEFAULT_LIMITS.max_bytes)


@contextmanager
def _must_be_sound(path: Path) -> Iterator[None]:
    try:
        yield
    except ImageError as error:
        raise InputError(f"cannot use {path}: {error}") from error
