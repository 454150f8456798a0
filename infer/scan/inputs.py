"""Single pictures that a program has at hand: a path, bytes, a Pillow picture, or pixels."""

import os

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import InputError
from ..files.read import read_named_file
from ..images.decode import (
    DecodedImage,
    ModelInput,
    Unlimited,
    decode,
    decode_image,
    decode_to_size,
)
from ..images.limits import Limits
from ..images.shape import InputShape
from ..images.views import views_of

EncodedInput = str | os.PathLike[str] | bytes
"""A file: its path, or its bytes."""

ImageInput = EncodedInput | Image.Image | npt.NDArray[np.uint8]
"""A picture: a file, a Pillow picture, or RGB pixels."""


def model_input(image: ImageInput, shape: InputShape, limits: Limits) -> ModelInput:
    """Return the model's input for a picture; for a file, exactly that of a scan.

    Args:
        image: as for ``decoded``.
        shape: shape of the model's input.
        limits: limits above which a picture is refused.

    Raises:
        FileNotFoundError: there is no such file; the error is an ``ImageError``, too.
        ImageError: the picture cannot be read or decoded; the reason is in its ``status``.
        InputError: an array of another shape or type.
    """
    if isinstance(image, Image.Image | np.ndarray):
        picture = decoded(image, limits)
        return ModelInput(views_of(picture.image, shape), picture.header)
    return decode_to_size(content_of(image, limits), shape, limits, Unlimited())


def decoded(image: ImageInput, limits: Limits) -> DecodedImage:
    """Return the full picture: upright, 8-bit RGB.

    Args:
        image: a file; a Pillow picture, whose EXIF orientation is applied; or RGB pixels, uint8 of
            shape (height, width, 3), upright.
        limits: limits above which a picture is refused.

    Raises:
        FileNotFoundError: there is no such file; the error is an ``ImageError``, too.
        ImageError: the picture cannot be read or decoded; the reason is in its ``status``.
        InputError: an array of another shape or type.
    """
    if isinstance(image, Image.Image):
        return decode_image(image, limits)
    if isinstance(image, np.ndarray):
        return decode_image(_from_array(image), limits)
    return decode(content_of(image, limits), limits)


def content_of(file: EncodedInput, limits: Limits) -> bytes:
    """Return the bytes of a file.

    Raises:
        FileNotFoundError: there is no such file; the error is an ``ImageError``, too.
        ImageError: it cannot be read, or is too large.
    """
    if isinstance(file, bytes):
        return file
    return read_named_file(os.fsencode(file), limits.max_bytes)


def _from_array(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; "
            "they must be uint8 of shape (height, width, 3), RGB"
        )
    return Image.fromarray(pixels)
