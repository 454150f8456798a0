"""A picture in every format, mode and option that Pillow writes."""

import io
import itertools
from collections.abc import Iterator

from small_pictures import picture

MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB")
MODES += ("HSV", "I", "I;16", "I;16B", "F")

Options = dict[str, object]


def _options() -> Iterator[tuple[str, str, Options]]:
    """Yield a format, a name and the options of Pillow's writer."""
    for quality, subsampling in itertools.product((1, 75, 100), (0, 1, 2)):
        name = f"quality {quality} {subsampling}"
        yield "JPEG", name, {"quality": quality, "subsampling": subsampling}
    yield "JPEG", "progressive", {"progressive": True}
    yield "JPEG", "optimized", {"optimize": True}
    yield "JPEG", "restart blocks", {"restart_marker_blocks": 2}
    yield "JPEG", "restart rows", {"restart_marker_rows": 1}
    yield "JPEG", "smooth", {"smooth": 50}
    yield "JPEG", "RGB kept", {"keep_rgb": True}
    yield "JPEG", "commented", {"comment": b"x" * 70_000, "dpi": (72, 72)}
    yield "MPO", "one", {}
    yield "MPO", "two", {"save_all": True, "append_images": [picture()]}
    for level in (0, 1, 9):
        yield "PNG", f"level {level}", {"compress_level": level}
    yield "PNG", "optimized", {"optimize": True}
    for bits in (1, 2, 4, 8):
        yield "PNG", f"{bits} bits", {"bits": bits}
    yield "PNG", "one clear colour", {"transparency": 0}
    yield "PNG", "clear RGB", {"transparency": (1, 2, 3)}
    yield "PNG", "clear palette", {"transparency": bytes(range(256))}
    yield "PNG", "animated", {"save_all": True, "append_images": [picture()]}
    for lossless, method, quality in itertools.product((False, True), (0, 4, 6), (0, 75, 100)):
        name = f"{'lossless' if lossless else 'lossy'} {method} {quality}"
        yield "WEBP", name, {"lossless": lossless, "method": method, "quality": quality}
    yield "WEBP", "exact", {"lossless": True, "exact": True}
    yield "WEBP", "coarse alpha", {"alpha_quality": 10}
    yield "WEBP", "sharp", {"use_sharp_yuv": True}
    yield "WEBP", "animated", {"save_all": True, "append_images": [picture()]}
    for interlace in (0, 1):
        yield "GIF", f"interlace {interlace}", {"interlace": interlace}
    yield "GIF", "clear", {"transparency": 3}
    yield "GIF", "animated", {"save_all": True, "append_images": [picture()], "disposal": 2}
    yield "GIF", "optimized", {"optimize": True, "comment": b"x" * 1000}
    yield "BMP", "plain", {}
    yield "DIB", "plain", {}
    for compression in ("raw", "group3", "group4", "tiff_ccitt", "tiff_raw_16", "tiff_lzw"):
        yield "TIFF", compression, {"compression": compression}
    for compression in ("tiff_adobe_deflate", "tiff_deflate", "packbits", "lzma", "zstd", "webp"):
        yield "TIFF", compression, {"compression": compression}
    for quality in (1, 75, 100):
        yield "TIFF", f"jpeg {quality}", {"compression": "jpeg", "quality": quality}
    yield "TIFF", "tiff_jpeg", {"compression": "tiff_jpeg"}
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "zstd", "lzma"):
        yield "TIFF", f"{compression} predictor", {"compression": compression, "tiffinfo": {317: 2}}
    for rows in (1, 7, 45):
        for compression in ("raw", "tiff_lzw", "packbits", "jpeg"):
            name = f"{compression} {rows} rows"
            yield "TIFF", name, {"compression": compression, "tiffinfo": {278: rows}}
    yield "TIFF", "big", {"big_tiff": True}
    yield "TIFF", "big lzw", {"big_tiff": True, "compression": "tiff_lzw"}
    yield "TIFF", "white is zero", {"tiffinfo": {262: 0}}
    yield "TIFF", "white is zero lzw", {"tiffinfo": {262: 0}, "compression": "tiff_lzw"}
    yield "TIFF", "pages", {"save_all": True, "append_images": [picture()]}
    for quality, subsampling in itertools.product(
        (1, 75, 100), ("4:4:4", "4:2:2", "4:2:0", "4:0:0")
    ):
        name = f"{quality} {subsampling}"
        yield "AVIF", name, {"quality": quality, "subsampling": subsampling, "speed": 10}
    yield "AVIF", "limited range", {"range": "limited", "speed": 10}
    yield "AVIF", "tiles", {"tile_rows": 1, "tile_cols": 1, "speed": 10}
    yield "AVIF", "animated", {"save_all": True, "append_images": [picture()], "speed": 10}
    for quality, chroma in itertools.product((1, 75, -1), (420, 422, 444)):
        yield "HEIF", f"{quality} {chroma}", {"quality": quality, "chroma": chroma}


def written_by_pillow() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the file, for each mode, format and option that Pillow can write."""
    for format, name, options in _options():
        for mode in MODES:
            stream = io.BytesIO()
            try:
                picture(mode).save(stream, format, **options)
            except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError):
                # No such combination.
                continue
            yield f"{format} {mode} {name}", stream.getvalue()
