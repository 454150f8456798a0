"""Files with zeros at their end or inside: a preallocated download, a lost sector."""

import io

import numpy as np
import pytest
from image_files import encoded, outcome
from PIL import Image
from tiff_files import tiff

from trustthepixels.infer.images.decode import DecodedImage, DecodeError, decode
from trustthepixels.infer.results import FileStatus


def scene() -> Image.Image:
    """Return a picture with enough detail that every encoding has kilobytes of it."""
    rows, columns = np.mgrid[0:240, 0:320]
    smooth = np.stack([rows, columns // 2, (rows + columns) // 3], axis=2)
    noise = np.random.default_rng(5).integers(0, 60, smooth.shape)
    return Image.fromarray((smooth + noise).astype(np.uint8))


def with_alpha() -> Image.Image:
    picture = scene().convert("RGBA")
    picture.putalpha(scene().convert("L"))
    return picture


CODED = {
    "webp": encoded("WEBP", scene()),
    "webp of even size": encoded("WEBP", scene(), quality=40),
    "webp lossless": encoded("WEBP", scene(), lossless=True),
    "webp alpha": encoded("WEBP", with_alpha()),
    "webp lossless alpha": encoded("WEBP", with_alpha(), lossless=True),
    "avif": encoded("AVIF", scene()),
    "avif alpha": encoded("AVIF", with_alpha()),
    "png": encoded("PNG", scene()),
    "gif": encoded("GIF", scene().convert("P")),
    "jpeg": encoded("JPEG", scene()),
    "jpeg progressive": encoded("JPEG", scene(), progressive=True),
    **{
        f"tiff {name}": encoded("TIFF", scene(), compression=name)
        for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd")
    },
}
PLAIN = {
    "bmp": encoded("BMP", scene()),
    "bmp palette": encoded("BMP", scene().convert("P")),
    "tiff": encoded("TIFF", scene()),
    "tiff planes": tiff(np.asarray(scene()), 2, planar=True),
}


PLANES_END = PLAIN["tiff planes"][8 + 320 * 240 * 3 :]


def heic(picture: Image.Image) -> bytes:
    heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    heif.from_pillow(picture).save(stream)
    return stream.getvalue()


def zero_filled(data: bytes, kept: float) -> bytes:
    end = int(len(data) * kept)
    return data[:end] + bytes(len(data) - end)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", CODED)
def test_coded_pictures_are_truncated(name, kept):
    assert isinstance(outcome(CODED[name]), DecodedImage)
    result = outcome(zero_filled(CODED[name], kept))
    assert isinstance(result, DecodeError)
    assert result.status is FileStatus.TRUNCATED


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_heic_is_truncated(kept):
    data = heic(scene())
    assert isinstance(outcome(data), DecodedImage)
    result = outcome(zero_filled(data, kept))
    assert isinstance(result, DecodeError)
    assert result.status is FileStatus.TRUNCATED


@pytest.mark.parametrize("kept", [0.6, 0.9])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_pixels_get_a_note(name, kept):
    data = PLAIN[name]
    assert decode(data).note == ""
    # The directory of the one TIFF follows its pixels; of the others, pixels are the end.
    end = data.rindex(PLANES_END) if name == "tiff planes" else len(data)
    assert "zeros" in decode(zero_filled(data[:end], kept) + data[end:]).note


def hole(data: bytes, size: int, filling: bytes = b"\0") -> bytes:
    """Return a file with a block in the middle of its colours overwritten."""
    at = (max(0, data.rfind(b"VP8 ")) + len(data)) // 2
    return data[:at] + filling * size + data[at + size :]


@pytest.mark.parametrize("filling", [b"\0", b"\xff"], ids=["zeros", "ones"])
@pytest.mark.parametrize("size", [130, 512, 4096])
@pytest.mark.parametrize("name", ["webp", "webp of even size", "webp alpha", "avif"])
def test_overwritten_blocks_are_found_in_what_arithmetic_coders_wrote(name, size, filling):
    result = outcome(hole(CODED[name], size, filling))
    assert isinstance(result, DecodeError)
    assert result.status in (FileStatus.CORRUPT, FileStatus.TRUNCATED)


@pytest.mark.parametrize("filling", [b"\0", b"\xff"], ids=["zeros", "ones"])
@pytest.mark.parametrize("size", [512, 4096, 9000])
def test_most_overwritten_blocks_are_found_in_a_lossless_webp(size, filling):
    data = CODED["webp lossless"]
    results = [
        outcome(data[:at] + filling * size + data[at + size :])
        for at in range(1000, len(data) - size - 1000, len(data) // 20)
    ]
    seen = sum(isinstance(result, DecodeError) for result in results)
    assert seen >= 0.9 * len(results)


@pytest.mark.parametrize("size", [512, 4096])
def test_zeros_in_the_alpha_of_a_webp_are_found(size):
    data = CODED["webp alpha"]
    start, end = data.index(b"ALPH") + 100, data.index(b"VP8 ")
    for at in range(start, end - size - 100, (end - start) // 9):
        assert isinstance(outcome(data[:at] + bytes(size) + data[at + size :]), DecodeError), at


@pytest.mark.parametrize("alpha", [0, 255, "half", "steps"])
def test_flat_alpha_of_a_webp_is_whole(alpha):
    picture = Image.new("RGB", (1500, 1100), "grey").convert("RGBA")
    picture.paste(scene(), (0, 0))
    mask = Image.new("L", picture.size, alpha if isinstance(alpha, int) else 0)
    if isinstance(alpha, str):
        mask.paste(255, (0, 0, 1500, 550))
    if alpha == "steps":
        mask.paste(scene().convert("L"), (0, 0))
    picture.putalpha(mask)
    for options in ({}, {"lossless": True}, {"alpha_quality": 20}, {"method": 0}):
        result = outcome(encoded("WEBP", picture, **options))
        assert isinstance(result, DecodedImage), options


@pytest.mark.parametrize("filling", [b"\0", b"\xff"], ids=["zeros", "ones"])
@pytest.mark.parametrize("size", [40, 130, 512, 4096])
def test_overwritten_blocks_are_found_in_heic(size, filling):
    result = outcome(hole(heic(scene()), size, filling))
    assert isinstance(result, DecodeError)
    assert result.status is FileStatus.CORRUPT


@pytest.mark.parametrize("size", [40, 80, 130, 512, 1000, 4096])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_zeros_in_the_middle_of_a_baseline_jpeg_are_never_taken_for_codes(mode, size):
    data = encoded("JPEG", scene().convert(mode), quality=90)
    for at in range(len(data) // 20, len(data) - size, len(data) // 20):
        result = outcome(data[:at] + bytes(size) + data[at + size :])
        assert isinstance(result, DecodeError), at


@pytest.mark.parametrize("colour", ["black", "white", (127, 127, 127), (200, 100, 50)])
def test_large_flat_pictures_are_whole_in_every_coded_format(colour):
    """VP8, and JPEG with tables of its own, write kilobytes of zeros for them."""
    flat = Image.new("RGB", (1500, 1100), colour)
    half = flat.copy()
    half.paste(scene(), (0, 0))
    for picture in (flat, half):
        for options in (
            *({"format": "WEBP", "quality": q, "method": m} for q in (50, 100) for m in (0, 2, 4)),
            {"format": "JPEG", "optimize": True},
            {"format": "JPEG", "progressive": True},
            {"format": "AVIF", "speed": 10},
        ):
            result = outcome(encoded(picture=picture, **options))
            assert isinstance(result, DecodedImage), options
            assert result.note == ""
        assert isinstance(outcome(heic(picture)), DecodedImage)


def test_a_picture_that_ends_black_or_flat_is_whole_in_every_coded_format():
    for colour in ("black", "white", (200, 100, 50)):
        picture = Image.new("RGB", (600, 600), colour)
        picture.paste(scene(), (0, 0))
        for options in (
            {"format": "WEBP"},
            {"format": "WEBP", "lossless": True, "method": 0},
            {"format": "AVIF"},
            {"format": "PNG"},
            {"format": "TIFF", "compression": "tiff_adobe_deflate"},
            {"format": "TIFF", "compression": "tiff_lzw"},
            {"format": "TIFF", "compression": "packbits"},
        ):
            data = encoded(picture=picture, **options)
            assert decode(data).note == "", options


def test_a_lossless_webp_whose_flat_area_is_coded_as_zeros_is_whole():
    picture = Image.new("RGB", (1500, 1500), (9, 20, 30))
    noise = np.random.default_rng(0).integers(0, 255, (375, 1500, 3), dtype=np.uint8)
    picture.paste(Image.fromarray(noise))
    data = encoded("WEBP", picture, lossless=True, method=0)
    assert data.endswith(bytes(2048))
    assert decode(data).image.tobytes() == picture.tobytes()
    assert isinstance(outcome(zero_filled(data, 0.5)), DecodeError)


def test_zeros_after_the_end_of_a_sound_file_cost_nothing():
    for name in ("webp", "webp lossless", "png", "jpeg", "gif", "tiff tiff_lzw"):
        sound = decode(CODED[name]).image.tobytes()
        assert decode(CODED[name] + bytes(4096)).image.tobytes() == sound, name


@pytest.mark.parametrize("name", ["webp", "webp lossless", "avif", "heic", "bmp", "tiff"])
def test_what_follows_the_end_of_a_file_is_noted_as_an_inserted_block_leaves_it(name):
    data = heic(scene()) if name == "heic" else {**CODED, **PLAIN}[name]
    assert decode(data).note == ""
    inserted = data + data[-3000:]
    assert "bytes follow its end" in decode(inserted).note
    assert decode(inserted).image.tobytes() == decode(data).image.tobytes()
    assert decode(data + bytes(3000)).note == ""


def flat_jpeg_with_thumbnail() -> bytes:
    """Return a picture with a flat area that its own tables write as zeros.

    The thumbnail in its metadata has the standard's tables, which cannot.
    """
    picture = Image.new("RGB", (512, 512), (255, 255, 255))
    picture.paste(scene().resize((64, 64)), (0, 0))
    thumbnail = encoded("JPEG", scene().resize((80, 60)))
    exif = b"Exif\0\0" + thumbnail
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = encoded("JPEG", picture, optimize=True)
    assert bytes(64) in data
    return data[:2] + segment + data[2:]


def test_flat_areas_of_a_jpeg_with_a_thumbnail_are_no_lost_block():
    data = flat_jpeg_with_thumbnail()
    assert isinstance(outcome(data), DecodedImage)


def test_a_lost_block_is_found_although_a_thumbnail_could_write_zeros():
    thumbnail = encoded("JPEG", Image.new("RGB", (160, 120), (9, 9, 9)), optimize=True)
    exif = b"Exif\0\0" + thumbnail
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    lost = hole(CODED["jpeg"], 512)
    for data in (lost, lost[:2] + segment + lost[2:]):
        result = outcome(data)
        assert isinstance(result, DecodeError)
        assert result.status is FileStatus.CORRUPT
