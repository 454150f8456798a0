"""A labelled picture from its file to pixels."""

import os
from pathlib import Path

from PIL import Image

from trustthepixels.infer.errors import ImageError, InputError
from trustthepixels.infer.files.read import read_file
from trustthepixels.infer.images.decode import ModelInput, Unlimited, decode, decode_to_size
from trustthepixels.infer.images.failures import ImageHeader
from trustthepixels.infer.images.limits import DEFAULT_LIMITS
from trustthepixels.infer.images.preprocess import INPUT_SIZE, PixelArray, resize

from ..data.manifest import Sample
from .tiers import Tier, degrade


def load_image(path: Path) -> Image.Image:
    """Decode one training picture to upright 8-bit RGB.

    Raises:
        InputError: the file cannot be read or decoded; training data must be sound.
    """
    try:
        return decode(path.read_bytes()).image
    except (OSError, ImageError) as error:
        raise InputError(f"cannot use {path}: {error}") from error


def load_pixels(path: Path, size: tuple[int, int] = INPUT_SIZE) -> PixelArray:
    """What the network sees of a picture outside training, uint8 of shape (*size, 3)."""
    return resize(load_image(path), size)


def load_picture(sample: Sample, tier: Tier = Tier.CLEAN) -> Image.Image:
    """The upright RGB picture as the model meets it, before the resize.

    Raises:
        ImageError: it cannot be read or decoded.
    """
    return degrade(decode(_read(sample), DEFAULT_LIMITS).image, tier)


def see_picture(sample: Sample, size: tuple[int, int], tier: Tier = Tier.CLEAN) -> ModelInput:
    """A picture at the model's size; of the clean tier exactly what a scan feeds to the model.

    Args:
        sample: the picture.
        size: height and width that the model takes.
        tier: what happens to it first.

    Raises:
        ImageError: it cannot be read or decoded.
    """
    if tier is Tier.CLEAN:
        return decode_to_size(_read(sample), size, DEFAULT_LIMITS, Unlimited())
    image = load_picture(sample, tier)
    return ModelInput(resize(image, size), ImageHeader(image.width, image.height, ""))


def _read(sample: Sample) -> bytes:
    return read_file(os.fsencode(sample.path), DEFAULT_LIMITS.max_bytes)
