"""Evaluation tiers: reproducible degradations of pictures on their way through the web."""

import io
from enum import StrEnum

from PIL import Image

from .webp import encode_webp, shrink


class Tier(StrEnum):
    """Degradation of a picture before preprocessing.

    Attributes:
        CLEAN: the file as it is.
        WEB: longest side at most 768, JPEG quality 60.
        HARD: longest side at most 512, JPEG quality 40.
        WEBP: WebP quality 75, libwebp's default.
        SCREENSHOT: shown at 80 % by a screen's bilinear scaling, captured without loss.
        UPSCALE: enlarged twice with a bicubic kernel.
    """

    CLEAN = "clean"
    WEB = "web"
    HARD = "hard"
    WEBP = "webp"
    SCREENSHOT = "screenshot"
    UPSCALE = "upscale"


_SCREEN_SIDE = 1600
"""Longest side that a picture viewer shows; more is reduced with a good kernel first."""

_UPSCALED_SIDE = 4096
"""Longest side after enlarging, which bounds the memory."""


def degrade(image: Image.Image, tier: Tier) -> Image.Image:
    """Return the RGB picture after the tier's degradation; nothing here is random.

    Chroma is subsampled (4:2:0) in the JPEG tiers, as web services do.
    """
    match tier:
        case Tier.CLEAN:
            return image
        case Tier.WEB:
            return _decoded(web_file(image))
        case Tier.HARD:
            return _decoded(encode_jpeg(shrink(image, 512), 40))
        case Tier.WEBP:
            return _decoded(encode_webp(image, quality=75, method=4))
        case Tier.SCREENSHOT:
            return _show(shrink(image, _SCREEN_SIDE), 0.8)
        case Tier.UPSCALE:
            small = shrink(image, _UPSCALED_SIDE // 2)
            return small.resize((2 * small.width, 2 * small.height), Image.Resampling.BICUBIC)


def web_file(image: Image.Image) -> bytes:
    """Return an RGB picture as the JPEG file of the web tier."""
    return encode_jpeg(shrink(image, 768), 60)


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """Return an RGB picture as a JPEG file of Pillow's quality, chroma subsampled (4:2:0)."""
    return _encode(image, "JPEG", quality=quality, subsampling="4:2:0")


def _show(image: Image.Image, factor: float) -> Image.Image:
    """Resize bilinearly without antialiasing, as a graphics card scales a texture."""
    width, height = _scaled(image, factor)
    matrix = (image.width / width, 0.0, 0.0, 0.0, image.height / height, 0.0)
    return image.transform(
        (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )


def _scaled(image: Image.Image, factor: float) -> tuple[int, int]:
    return max(1, round(image.width * factor)), max(1, round(image.height * factor))


def _encode(image: Image.Image, codec: str, **options: int | str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, codec, **options)
    return stream.getvalue()


def _decoded(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as encoded:
        return encoded.convert("RGB")
