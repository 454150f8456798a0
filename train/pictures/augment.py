"""Application of an ``Augmentation`` to one picture, from crop to the network's input array."""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.images.views import views_of

from .crops import Shown, native_part
from .webp import encode_webp


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random changes to a training picture, the same for both classes.

    Each range is uniform unless stated otherwise; each ``*_probability`` is 0 to 1.

    Attributes:
        view: whole pictures, after crop and stretch, or native parts, without either.
        turn_probability: how often the picture is turned by one, two or three quarters; at 0.75 all
            four orientations are equally frequent.
        crop_area: share of the picture's area that the random crop keeps.
        crop_aspect: largest aspect of the crop before it is stretched to a square; log-uniform from
            its inverse. The shape of the original then reveals nothing.
        crop_shapes: width by height of the crop, in place of the two ranges above; one is drawn at
            random, the same for both classes. Empty for the ranges.
        rescale: factor from the crop to an intermediate size, by a random kernel.
        rescale_sides: range of the intermediate size's shorter side in pixels, which takes the
            place of ``rescale`` in two of three cases; ``None`` for never.
        rescale_probability: probability of rescaling.
        encode_probability: probability that the picture is written as JPEG or WebP and read back.
        encode_quality: range of both encoders' quality setting.
        encode_again_probability: probability that a picture that was encoded is encoded again.
        sharpen_probability: probability of sharpening (unsharp mask).
        grey_probability: probability that the colours are taken away.
        border_probability: probability of a plain border, as of a letterbox or a frame.
        blur_probability: probability of a Gaussian blur.
        blur_radius: range of its standard deviation in pixels.
        noise_probability: probability of Gaussian noise.
        noise_deviation: range of its standard deviation in grey levels of 255.
        colour_probability: probability of changes in brightness, contrast and saturation.
        colour_strength: largest relative change of each.
    """

    view: Shown = Shown.WHOLE
    turn_probability: float = 0.0
    crop_area: tuple[float, float] = (1.0, 1.0)
    crop_aspect: float = 1.0
    crop_shapes: tuple[float, ...] = ()
    rescale: tuple[float, float] = (1.0, 1.0)
    rescale_sides: tuple[int, int] | None = None
    rescale_probability: float = 0.0
    encode_probability: float = 0.0
    encode_quality: tuple[int, int] = (30, 100)
    encode_again_probability: float = 0.0
    sharpen_probability: float = 0.0
    grey_probability: float = 0.0
    border_probability: float = 0.0
    blur_probability: float = 0.0
    blur_radius: tuple[float, float] = (0.3, 1.5)
    noise_probability: float = 0.0
    noise_deviation: tuple[float, float] = (1.0, 8.0)
    colour_probability: float = 0.0
    colour_strength: float = 0.2


_KERNELS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
_CHROMA_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
_SMALLEST_SIDE = 32
_SIDES_SHARE = 2 / 3
_LARGEST_FACTOR = 1.25
_JPEG_BLOCK = 8


def augment(
    image: Image.Image,
    augmentation: Augmentation,
    shape: InputShape,
    rng: np.random.Generator,
) -> PixelArray:
    """Return the views of a randomly changed RGB picture, uint8 of shape ``shape.axes``."""
    view = augmentation.view
    native = view is Shown.CROP or (view is Shown.BOTH and rng.random() < 0.5)
    if rng.random() < augmentation.turn_probability:
        image = image.transpose(_TURNS[rng.integers(len(_TURNS))])
    if not native:
        image = _crop(image, augmentation, rng)
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < augmentation.colour_probability:
        image = _change_colour(image, augmentation.colour_strength, rng)
    if rng.random() < augmentation.grey_probability:
        image = image.convert("L").convert("RGB")
    if rng.random() < augmentation.rescale_probability:
        image = _rescale(image, augmentation, rng)
    if rng.random() < augmentation.blur_probability:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(*augmentation.blur_radius)))
    if rng.random() < augmentation.sharpen_probability:
        image = _sharpen(image, rng)
    if rng.random() < augmentation.noise_probability:
        image = _add_noise(image, rng.uniform(*augmentation.noise_deviation), rng)
    if rng.random() < augmentation.encode_probability:
        image = _reencode(image, augmentation.encode_quality, rng)
        if rng.random() < augmentation.encode_again_probability:
            image = _reencode(_shifted(image, rng), augmentation.encode_quality, rng)
    if rng.random() < augmentation.border_probability:
        image = _add_border(image, rng)
    if native:
        return native_part(image, shape.size, rng.random(), rng.random())
    return views_of(image, shape)


def _crop(image: Image.Image, augmentation: Augmentation, rng: np.random.Generator) -> Image.Image:
    if augmentation.crop_shapes:
        shape = augmentation.crop_shapes[rng.integers(len(augmentation.crop_shapes))]
        width = min(image.width, max(1, round(image.height * shape)))
        height = min(image.height, max(1, round(image.width / shape)))
        return _part(image, width, height, rng)
    area = image.width * image.height * rng.uniform(*augmentation.crop_area)
    limit = math.log(augmentation.crop_aspect)
    aspect = math.exp(rng.uniform(-limit, limit)) * (image.width / image.height)
    width = min(image.width, max(1, round(math.sqrt(area * aspect))))
    height = min(image.height, max(1, round(math.sqrt(area / aspect))))
    return _part(image, width, height, rng)


def _part(image: Image.Image, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def _rescale(
    image: Image.Image, augmentation: Augmentation, rng: np.random.Generator
) -> Image.Image:
    factor = rng.uniform(*augmentation.rescale)
    if augmentation.rescale_sides is not None and rng.random() < _SIDES_SHARE:
        # Of an enlargement a network would learn the blur.
        side = rng.uniform(*augmentation.rescale_sides)
        factor = min(side / min(image.size), _LARGEST_FACTOR)
    width = max(_SMALLEST_SIDE, round(image.width * factor))
    height = max(_SMALLEST_SIDE, round(image.height * factor))
    return image.resize((width, height), _KERNELS[rng.integers(len(_KERNELS))])


def _change_colour(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(rng.uniform(1.0 - strength, 1.0 + strength))
    return image


def _sharpen(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    radius, percent = rng.uniform(0.5, 2.0), int(rng.integers(40, 150))
    return image.filter(ImageFilter.UnsharpMask(radius, percent, threshold=0))


def _shifted(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the picture without up to seven rows and columns, so that JPEG's grid moves."""
    if min(image.size) <= _SMALLEST_SIDE:
        return image
    left, top = (int(rng.integers(_JPEG_BLOCK)) for _ in range(2))
    return image.crop((left, top, image.width, image.height))


def _add_border(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    grey = (0, 255, int(rng.integers(256)))[rng.integers(3)]
    width = round(image.width * rng.uniform(0.02, 0.12))
    sides = (0, round(image.height * rng.uniform(0.03, 0.2))) if rng.random() < 0.6 else width
    return ImageOps.expand(image, sides, (grey, grey, grey))


def _add_noise(image: Image.Image, deviation: float, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    noisy = pixels + rng.normal(0.0, deviation, pixels.shape).astype(np.float32)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _reencode(
    image: Image.Image, quality: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    level = int(rng.integers(quality[0], quality[1], endpoint=True))
    if rng.random() < 0.75:
        subsampling = _CHROMA_SUBSAMPLINGS[rng.integers(len(_CHROMA_SUBSAMPLINGS))]
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=level, subsampling=subsampling)
    else:
        stream = io.BytesIO(encode_webp(image, level, method=0))
    with Image.open(stream) as encoded:
        return encoded.convert("RGB")
