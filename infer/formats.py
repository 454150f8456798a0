"""Which image formats this installation decodes, and what their files are usually called.

Only the plugins of these formats are loaded: Pillow's others would run a PostScript interpreter or
follow references on hostile input, and loading them all costs a tenth of a second.
"""

import functools
from contextlib import suppress
from types import MappingProxyType

from PIL import Image, features

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow format names that are decoded; HEIF only where ``pillow-heif`` is installed."""

_NEEDS_FEATURE = MappingProxyType({"WEBP": "webp", "AVIF": "avif"})
"""Formats whose plugin is always there, but whose decoder may be missing from Pillow's build."""

_EXTENSIONS = MappingProxyType(
    {
        "JPEG": ("jpg", "jpeg"),
        "PNG": ("png",),
        "WEBP": ("webp",),
        "GIF": ("gif",),
        "BMP": ("bmp",),
        "TIFF": ("tif", "tiff"),
        "AVIF": ("avif",),
        "HEIF": ("heic", "heif"),
    }
)


@functools.cache
def registered_formats() -> tuple[str, ...]:
    """Load the decoders, and name the formats of ``FORMATS`` that they decode."""
    from PIL import (  # noqa: F401 - importing a plugin registers it
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        MpoImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    return tuple(name for name in FORMATS if name in Image.OPEN and _has_decoder(name))


@functools.cache
def image_extensions() -> frozenset[str]:
    """Lower-case extensions, without the dot, of the files that a walk finds."""
    formats = registered_formats()
    return frozenset(
        extension for name, known in _EXTENSIONS.items() if name in formats for extension in known
    )


def _has_decoder(name: str) -> bool:
    feature = _NEEDS_FEATURE.get(name)
    return feature is None or bool(features.check(feature))
