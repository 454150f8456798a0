"""TIFF in every way of storing pixels: they are the right ones, or the file is refused."""

import itertools
import zlib

import numpy as np
import pytest
from image_files import outcome, refusal
from tiff_files import DEFLATE, RAW, tiff

from trustthepixels.infer.images.decode import DecodedImage, decode
from trustthepixels.infer.results import FileStatus

KINDS = {
    "grey": (1, 1, ()),
    "inverted grey": (0, 1, ()),
    "grey alpha": (1, 2, (2,)),
    "RGB": (2, 3, ()),
    "RGB and more": (2, 4, (0,)),
    "RGBA": (2, 4, (2,)),
    "premultiplied": (2, 4, (1,)),
    "CMYK": (5, 4, ()),
    "YCbCr": (6, 3, ()),
}
"""Photometric interpretation, samples and extra samples by name."""

ALWAYS = {"grey", "RGB", "RGBA", "CMYK"}
"""Pictures that are decoded in any form of storage."""

LAYOUTS = list(itertools.product((8, 16), (False, True), "<>", (0, 16), (RAW, DEFLATE)))


def photograph_of(samples: int, extra: tuple[int, ...]) -> np.ndarray:
    """Return pixels of 8 bits; alpha is full, so that the colours are those of the picture."""
    pixels = np.random.default_rng(3).integers(0, 256, (20, 24, samples))
    if extra and extra != (0,):
        pixels[:, :, -1] = 255
    return pixels


def shown(kind: str) -> np.ndarray:
    """Return what a picture looks like, as decoded from the plainest TIFF of its kind."""
    photometric, samples, extra = KINDS[kind]
    pixels = photograph_of(samples, extra)
    return np.asarray(decode(tiff(pixels, photometric, extra=extra, tags={530: (1, 1)})).image)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_right_however_they_are_stored_or_the_file_is_refused(kind):
    photometric, samples, extra = KINDS[kind]
    pixels = photograph_of(samples, extra)
    expected = shown(kind)
    for bits, planar, order, tile, compression in LAYOUTS:
        data = tiff(
            pixels if bits == 8 else pixels * 257,
            photometric,
            bits=bits,
            planar=planar,
            order=order,
            tile=tile,
            compression=compression,
            extra=extra,
            tags={530: (1, 1)} if photometric == 6 else None,
        )
        result = outcome(data)
        layout = (bits, planar, order, tile, compression)
        if isinstance(result, DecodedImage):
            difference = np.abs(np.asarray(result.image).astype(int) - expected)
            # libtiff and Pillow round the conversion of YCbCr differently.
            assert difference.max() <= (2 if kind == "YCbCr" else 0), layout
        else:
            assert kind not in ALWAYS, layout


def test_the_plainest_tiffs_hold_the_pixels_that_were_stored():
    for kind in ("RGB", "RGBA", "RGB and more"):
        _, samples, extra = KINDS[kind]
        assert np.array_equal(shown(kind), photograph_of(samples, extra)[:, :, :3])


def test_subsampled_pixels_without_compression_are_not_taken_for_full_ones():
    packed = np.zeros((20, 12, 3))
    data = bytearray(tiff(packed, 6, tags={530: (2, 2)}))
    entry = data.index((256).to_bytes(2, "little") + b"\4\0")
    data[entry + 8] = 24
    assert refusal(bytes(data)).status in (FileStatus.UNSUPPORTED, FileStatus.TRUNCATED)


@pytest.mark.parametrize("planar", [False, True])
def test_strips_that_hold_less_than_their_pixels_are_truncated(planar):
    data = bytearray(tiff(photograph_of(3, ()), 2, planar=planar, rows=20))
    entry = data.rindex((279).to_bytes(2, "little") + b"\4\0")
    where = int.from_bytes(data[entry + 8 : entry + 12], "little") if planar else entry + 8
    data[where : where + 4] = (100).to_bytes(4, "little")
    assert refusal(bytes(data)).status is FileStatus.TRUNCATED


@pytest.mark.parametrize("tile", [0, 16])
def test_the_checksum_of_a_deflated_strip_is_verified(tile):
    data = tiff(photograph_of(3, ()), 2, compression=DEFLATE, tile=tile, rows=20)
    assert isinstance(outcome(data), DecodedImage)
    first = zlib.decompressobj()
    first.decompress(data[8:])
    end = len(data) - len(first.unused_data)
    assert refusal(data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]).status is (
        FileStatus.CORRUPT
    )


@pytest.mark.parametrize("compression", [RAW, DEFLATE])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize(
    ("photometric", "bands", "extra", "bits", "sample_format"),
    [
        (1, 1, (), 32, 3),
        (1, 1, (), 32, 1),
        (2, 3, (), 32, 3),
        (2, 3, (), 32, 1),
        (1, 2, (2,), 16, 1),
        (1, 2, (2,), 8, 1),
        (2, 4, (1,), 16, 1),
        (5, 5, (2,), 8, 1),
        (5, 5, (2,), 16, 1),
        (6, 3, (), 8, 1),
        (6, 3, (), 16, 1),
        (8, 3, (), 8, 1),
        (32803, 1, (), 16, 1),
        (34892, 3, (), 16, 1),
    ],
)
def test_sound_tiffs_are_never_corrupt(
    photometric, bands, extra, bits, sample_format, planar, compression
):
    pixels = np.random.default_rng(4).integers(0, 256, (20, 24, bands))
    data = tiff(
        pixels,
        photometric,
        bits=bits,
        planar=planar,
        compression=compression,
        extra=extra,
        sample_format=sample_format,
        tags={530: (1, 1)} if photometric == 6 else None,
    )
    result = outcome(data)
    assert isinstance(result, DecodedImage) or result.status is FileStatus.UNSUPPORTED
