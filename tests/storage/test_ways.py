"""No sound picture that Pillow decodes is refused, but for what the manual lists as unsupported."""

import io
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from image_files import outcome, png_chunk
from PIL import Image
from small_pictures import samples
from tiff_files import DEFLATE, RAW, tiff
from written_by_code import png, written_by_code
from written_by_pillow import written_by_pillow

from trustthepixels.infer.images.decode import DecodedImage, decode
from trustthepixels.infer.results import FileStatus

MANUAL = Path(__file__).parents[2] / "docs" / "reliability.md"

UNSUPPORTED = {
    r"^DIB ": "BMP without its file header",
    r"^JPEG of two components|^TIFF LA (tiff_)?jpeg": "JPEG of two components",
    r"^TIFF LAB": "LAB",
    r" float$|^TIFF F ": "float",
    r"^TIFF I |^TIFF .*of 32 bits": "32-bit",
    r"^TIFF premultiplied .*planes": "premultiplied",
    r"^TIFF grey alpha .*planes|^TIFF YCbCr .*planes": "planar grey+alpha or YCbCr",
    r"^TIFF (grey alpha|premultiplied|YCbCr) of 16": "grey+alpha or YCbCr of 16 bits",
    r"^TIFF I;16B big": "big-endian BigTIFF",
}
"""Ways of storing that are not decoded, as patterns of names, and the words of the manual."""

OTHER_THAN_PILLOW = re.compile(
    r"^TIFF .*of 16 bits . planes (strips|tiles)$"
    r"|^TIFF (white is zero of|I;16B? white is zero)"
    r"|^PNG type [02] of (2|4|16) bits.* with tRNS$"
)
"""Ways of storing whose pixels Pillow gets wrong; other tests have them."""


@pytest.fixture(scope="module")
def ways() -> list[tuple[str, bytes]]:
    pillow_heif.register_heif_opener()
    return [*written_by_pillow(), *written_by_code()]


def shown_by_pillow(data: bytes) -> np.ndarray | None:
    """Return what Pillow makes of a file, RGB on white; ``None`` if it cannot decode it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data))
            image.load()
        except (OSError, SyntaxError, ValueError):
            return None
        if image.mode in ("F", "I", "LAB"):
            return np.asarray(image)
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            white.alpha_composite(image.convert("RGBA"))
            image = white
        return np.asarray(image.convert("RGB"))


def test_no_sound_picture_is_refused_and_all_have_pillow_s_pixels(ways):
    counts: Counter[str] = Counter()
    for name, data in ways:
        expected, result = shown_by_pillow(data), outcome(data)
        counts[name.split()[0]] += 1
        if isinstance(result, DecodedImage):
            assert result.note == "", name
            if expected is not None and not OTHER_THAN_PILLOW.search(name):
                difference = np.abs(np.asarray(result.image).astype(int) - expected)
                # The conversion of YCbCr is rounded differently by libtiff.
                assert difference.max() <= 1, name
        else:
            assert result.status is FileStatus.UNSUPPORTED, (name, result)
            if expected is not None:
                assert any(re.search(pattern, name) for pattern in UNSUPPORTED), (name, result)
    assert set(counts) == {
        "JPEG",
        "MPO",
        "PNG",
        "WEBP",
        "GIF",
        "BMP",
        "DIB",
        "TIFF",
        "AVIF",
        "HEIF",
    }
    assert counts.total() > 1500


def test_the_manual_lists_what_is_not_decoded_and_nothing_that_is(ways):
    text = " ".join(MANUAL.read_text(encoding="utf-8").split())
    listed = text[text.index("`unsupported` are:") : text.index("The content decides")]
    for words in UNSUPPORTED.values():
        assert words in listed, words
    refused = [name for name, data in ways if not isinstance(outcome(data), DecodedImage)]
    for pattern in UNSUPPORTED:
        assert any(re.search(pattern, name) for name in refused), pattern


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("colour", "count", "bits"),
    [(0, 1, 1), (0, 1, 2), (0, 1, 4), (0, 1, 8), (0, 1, 16), (2, 3, 8), (2, 3, 16)],
)
def test_a_clear_colour_of_a_png_is_white_and_no_other_is(colour, count, bits, interlaced):
    values = samples(count).astype(int)
    values = values * 257 ^ 0x5A if bits == 16 else values >> (8 - bits)
    key = values[20, 30]
    chunk = png_chunk(b"tRNS", key.astype(">u2").tobytes())
    data = png(values, colour, bits, interlaced=interlaced, extra=chunk)
    expected = values >> 8 if bits == 16 else values * 255 // ((1 << bits) - 1)
    is_clear = (values == key).all(axis=2)
    assert is_clear.any() and not is_clear.all()
    expected = np.broadcast_to(np.where(is_clear[:, :, None], 255, expected), (45, 61, 3))
    assert np.array_equal(np.asarray(decode(data).image), expected)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [RAW, DEFLATE])
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero_in_a_tiff_is_turned_around(order, compression, tile, planar, bits):
    values = samples(1).astype(int)
    data = tiff(
        values if bits == 8 else values * 257,
        0,
        bits=bits,
        order=order,
        compression=compression,
        tile=tile,
        planar=planar,
    )
    expected = np.broadcast_to(255 - values, (45, 61, 3))
    assert np.array_equal(np.asarray(decode(data).image), expected)
