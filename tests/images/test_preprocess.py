"""The preprocessing contract: which pixels a picture has, and how they reach the model's size."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms import Resize

from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.orientation import apply_orientation
from trustthepixels.infer.images.preprocess import INPUT_SIZE, resize, to_rgb

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)

ORIENTED = {
    1: lambda picture: picture,
    2: lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda picture: picture.transpose(Image.Transpose.ROTATE_180),
    4: lambda picture: picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda picture: picture.transpose(Image.Transpose.TRANSPOSE),
    6: lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    7: lambda picture: picture.transpose(Image.Transpose.TRANSVERSE),
    8: lambda picture: picture.transpose(Image.Transpose.ROTATE_270),
}
"""For each EXIF orientation, how a camera that writes it stores an upright picture."""


def file_bytes(picture: Image.Image, format: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(decode(data).image)


def upright_picture() -> Image.Image:
    """64×40 with a different colour in each corner, large enough for 4:2:0."""
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
    return Image.fromarray(corners.repeat(20, axis=0).repeat(32, axis=1))


class TestResize:
    def test_equals_torchvision_on_every_example_bit_for_bit(self, example):
        picture = decode(example.read_bytes()).image
        assert np.array_equal(resize(picture), np.asarray(Resize((224, 224))(picture)))

    @given(
        size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
        target=st.tuples(st.integers(1, 300), st.integers(1, 300)),
        seed=st.integers(0, 2**32 - 1),
    )
    @settings(max_examples=60, deadline=None)
    def test_equals_torchvision_for_any_size(self, size, target, seed):
        noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        picture = Image.fromarray(noise)
        assert np.array_equal(resize(picture, target), np.asarray(Resize(target)(picture)))

    def test_gives_a_writable_uint8_array_of_height_width_channels(self):
        array = resize(upright_picture(), (10, 20))
        assert array.shape == (10, 20, 3)
        assert array.dtype == np.uint8
        assert array.flags.writeable
        assert array.flags.c_contiguous

    def test_goes_to_the_reference_size_by_default(self):
        assert resize(upright_picture()).shape == (*INPUT_SIZE, 3) == (224, 224, 3)

    def test_leaves_a_picture_of_the_right_size_alone(self):
        noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
        assert np.array_equal(resize(Image.fromarray(noise)), noise)

    def test_stretches_without_cropping(self):
        edges = np.zeros((10, 400, 3), np.uint8)
        edges[:, 0] = edges[:, -1] = 255
        array = resize(Image.fromarray(edges))
        assert array[:, 0].min() > 0
        assert array[:, -1].min() > 0


class TestOrientation:
    @pytest.mark.parametrize("orientation", ORIENTED)
    @pytest.mark.parametrize(
        ("format", "options"),
        [
            ("PNG", {}),
            ("WEBP", {"lossless": True}),
            ("TIFF", {}),
            ("TIFF", {"compression": "tiff_lzw"}),
            ("JPEG", {"quality": 100, "subsampling": 0}),
            ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ],
        ids=["png", "webp", "tiff", "tiff-lzw", "jpeg", "avif"],
    )
    def test_each_orientation_gives_the_upright_picture(self, format, options, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = ORIENTED[orientation](upright_picture())
        decoded = decode(file_bytes(stored, format, exif=exif, **options))
        assert (decoded.header.width, decoded.header.height) == (64, 40)
        difference = np.asarray(decoded.image).astype(int) - np.asarray(upright_picture())
        # Lossy formats ring next to the edges between the colours.
        lossy = format in ("JPEG", "AVIF")
        assert np.abs(difference).mean() <= (3.0 if lossy else 0.0)

    @pytest.mark.parametrize("orientation", ORIENTED)
    def test_of_a_heif_file(self, orientation):
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.register_heif_opener()
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = ORIENTED[orientation](upright_picture())
        # From here its writer takes the orientation, which it stores outside of the EXIF block.
        stored.info["exif"] = exif.tobytes()
        decoded = decode(file_bytes(stored, "HEIF", quality=95))
        assert decoded.image.size == (64, 40)
        difference = np.asarray(decoded.image).astype(int) - np.asarray(upright_picture())
        assert np.abs(difference).mean() <= 3.0

    @pytest.mark.parametrize("orientation", ORIENTED)
    def test_of_a_png_whose_exif_follows_its_pixels(self, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = file_bytes(ORIENTED[orientation](upright_picture()), "PNG", exif=exif)
        start = data.index(b"eXIf") - 4
        length = int.from_bytes(data[start : start + 4], "big") + 12
        chunk, rest = data[start : start + length], data[:start] + data[start + length :]
        end = rest.index(b"IEND") - 4
        decoded = decode(rest[:end] + chunk + rest[end:])
        assert decoded.header.width == 64
        assert np.array_equal(np.asarray(decoded.image), np.asarray(upright_picture()))

    @pytest.mark.parametrize("value", [0, 9, 255, 65535])
    def test_out_of_range_means_upright(self, value):
        exif = Image.Exif()
        exif[0x0112] = value
        data = file_bytes(upright_picture(), "PNG", exif=exif)
        assert np.array_equal(pixels(data), np.asarray(upright_picture()))

    @pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"garbage"])
    def test_damaged_exif_does_not_lose_sound_pixels(self, exif):
        plain = pixels(file_bytes(upright_picture(), "JPEG"))
        assert np.array_equal(pixels(file_bytes(upright_picture(), "JPEG", exif=exif)), plain)

    def test_apply_orientation_undoes_what_each_camera_did(self):
        for orientation, store in ORIENTED.items():
            restored = apply_orientation(store(upright_picture()), orientation)
            assert np.array_equal(np.asarray(restored), np.asarray(upright_picture()))


class TestAlpha:
    def test_transparent_pixels_become_white_and_half_transparent_ones_half_white(self):
        rgba = np.zeros((1, 3, 4), np.uint8)
        rgba[0, :, 3] = 0, 128, 255
        row = pixels(file_bytes(Image.fromarray(rgba), "PNG"))[0]
        assert row.tolist() == [[255, 255, 255], [127, 127, 127], [0, 0, 0]]

    def test_colour_hidden_below_transparency_does_not_show(self):
        rgba = np.array([[[200, 0, 0, 0]]], np.uint8)
        assert pixels(file_bytes(Image.fromarray(rgba), "PNG")).tolist() == [[[255, 255, 255]]]

    @pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
    def test_holds_in_every_format_with_alpha(self, format):
        rgba = np.zeros((16, 16, 4), np.uint8)
        rgba[:, 8:, 3] = 255
        options = {"lossless": True} if format == "WEBP" else {}
        result = pixels(file_bytes(Image.fromarray(rgba), format, **options))
        assert np.all(result[:, :8] == 255)
        assert np.all(result[:, 8:] == 0)

    def test_of_greyscale(self):
        la = np.array([[[10, 255], [10, 0]]], np.uint8)
        row = pixels(file_bytes(Image.fromarray(la), "PNG"))[0]
        assert row.tolist() == [[10, 10, 10], [255, 255, 255]]

    def test_of_16_bit_greyscale(self):
        data = png(width=2, depth=16, colour=4, rows=[bytes([10, 99, 255, 255, 10, 99, 0, 0])])
        assert pixels(data)[0].tolist() == [[10, 10, 10], [255, 255, 255]]

    def test_of_a_colour_named_as_transparent(self):
        rgb = np.array([[[255, 0, 0], [1, 2, 3]]], np.uint8)
        data = file_bytes(Image.fromarray(rgb), "PNG", transparency=(1, 2, 3))
        assert pixels(data)[0].tolist() == [[255, 0, 0], [255, 255, 255]]

    def test_of_premultiplied_pictures(self):
        picture = Image.new("RGBA", (1, 1), (0, 0, 0, 0)).convert("RGBa")
        assert to_rgb(picture).getpixel((0, 0)) == WHITE

    def test_an_opaque_picture_with_an_alpha_channel_equals_the_one_without(self, example):
        picture = decode(example.read_bytes()).image
        with_alpha = file_bytes(picture.convert("RGBA"), "PNG", compress_level=0)
        assert np.array_equal(pixels(with_alpha), np.asarray(picture))


class TestPalette:
    def picture(self) -> Image.Image:
        picture = Image.new("P", (2, 1))
        picture.putpalette([*RED, 0, 128, 255])
        picture.putdata([0, 1])
        return picture

    @pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "TIFF"])
    def test_is_expanded(self, format):
        assert pixels(file_bytes(self.picture(), format))[0].tolist() == [[*RED], [0, 128, 255]]

    @pytest.mark.parametrize("format", ["PNG", "GIF"])
    def test_with_a_transparent_entry(self, format):
        data = file_bytes(self.picture(), format, transparency=1)
        assert pixels(data)[0].tolist() == [[*RED], [*WHITE]]

    def test_with_half_transparent_entries(self):
        data = file_bytes(self.picture(), "PNG", transparency=bytes([255, 127]))
        assert pixels(data)[0].tolist() == [[*RED], [128, 192, 255]]

    def test_whose_entries_carry_alpha(self):
        picture = Image.new("P", (1, 1))
        picture.putpalette([9, 9, 9, 0], "RGBA")
        assert to_rgb(picture).getpixel((0, 0)) == WHITE

    def test_with_alpha_beside_it(self):
        picture = Image.new("PA", (1, 1), (0, 0))
        assert to_rgb(picture).getpixel((0, 0)) == WHITE


class TestGreyscale:
    @pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "BMP"])
    def test_is_repeated_over_the_channels(self, format):
        picture = Image.new("L", (16, 16), 77)
        assert np.all(pixels(file_bytes(picture, format)) == 77)

    @pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
    def test_one_bit_is_black_and_white(self, format):
        picture = Image.new("1", (9, 1))
        picture.putpixel((4, 0), 1)
        expected = [[*BLACK]] * 4 + [[*WHITE]] + [[*BLACK]] * 4
        assert pixels(file_bytes(picture, format))[0].tolist() == expected

    def test_of_two_and_four_bits_spans_black_to_white(self):
        two_bits = png(width=4, depth=2, colour=0, rows=[bytes([0b00011011])])
        assert pixels(two_bits)[0, :, 0].tolist() == [0, 85, 170, 255]


class TestSixteenBits:
    VALUES = (0, 255, 256, 32768, 65279, 65535)
    HIGH_BYTES = (0, 0, 1, 128, 254, 255)

    def grey(self) -> Image.Image:
        return Image.fromarray(np.array([self.VALUES], np.uint16))

    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    def test_grey_is_scaled_not_clipped(self, format):
        row = pixels(file_bytes(self.grey(), format))[0]
        assert row[:, 0].tolist() == list(self.HIGH_BYTES)
        assert np.all(row == row[:, :1])

    def test_big_endian_grey_is_scaled_alike(self):
        big = Image.fromarray(np.array([self.VALUES], ">u2"))
        assert big.mode == "I;16B"
        assert pixels(file_bytes(big, "TIFF"))[0, :, 0].tolist() == list(self.HIGH_BYTES)

    def test_colour_is_scaled_as_grey_is(self):
        words = b"".join(value.to_bytes(2, "big") * 3 for value in self.VALUES)
        row = pixels(png(width=6, depth=16, colour=2, rows=[words]))[0]
        assert row.tolist() == [[byte] * 3 for byte in self.HIGH_BYTES]

    def test_tiff_colour_is_scaled_likewise(self):
        words = b"".join(value.to_bytes(2, "little") * 3 for value in self.VALUES)
        row = pixels(tiff(width=6, bits=(16, 16, 16), photometric=2, strip=words))[0]
        assert row.tolist() == [[byte] * 3 for byte in self.HIGH_BYTES]

    def test_tiff_grey_where_zero_is_white_is_inverted(self):
        words = b"".join(value.to_bytes(2, "little") for value in self.VALUES)
        row = pixels(tiff(width=6, bits=(16,), photometric=0, strip=words))[0]
        assert row[:, 0].tolist() == [255 - byte for byte in self.HIGH_BYTES]


class TestOtherColourSpaces:
    def test_cmyk_jpeg_shows_its_colours(self):
        data = file_bytes(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
        assert np.abs(pixels(data).astype(int) - RED).max() <= 3

    def test_cmyk_jpeg_is_taken_as_inverted_with_or_without_the_mark_of_adobe(self):
        marked = file_bytes(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
        unmarked = without_adobe_marker(marked)
        assert b"Adobe" in marked
        assert b"Adobe" not in unmarked
        assert np.array_equal(pixels(unmarked), pixels(marked))

    def test_ycck_jpeg_is_converted_through_cmyk(self):
        data = ycck_jpeg(Image.new("RGB", (16, 16), (200, 60, 30)))
        assert np.abs(pixels(data).astype(int) - [200, 60, 30]).max() <= 6

    def test_cmyk_tiff_shows_its_colours(self):
        data = file_bytes(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF")
        assert np.all(pixels(data) == RED)

    def test_an_icc_profile_changes_nothing(self, example):
        picture = decode(example.read_bytes()).image
        tagged = file_bytes(picture, "PNG", compress_level=0, icc_profile=b"any profile at all")
        assert np.array_equal(pixels(tagged), np.asarray(picture))


class TestSeveralFrames:
    FRAMES = (Image.new("RGB", (16, 16), RED), Image.new("RGB", (16, 16), (0, 0, 255)))

    @pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF", "MPO"])
    def test_the_first_counts(self, format):
        first, second = self.FRAMES
        options = {"lossless": True} if format == "WEBP" else {}
        data = file_bytes(first, format, save_all=True, append_images=[second], **options)
        with Image.open(io.BytesIO(data)) as reread:
            assert reread.n_frames == 2
        assert np.abs(pixels(data).astype(int) - RED).max() <= 3

    def test_of_a_png_whose_default_image_is_no_frame_the_default_image_counts(self):
        first, second = self.FRAMES
        options = {"save_all": True, "default_image": True, "append_images": [second, second]}
        assert np.all(pixels(file_bytes(first, "PNG", **options)) == RED)


def png(width: int, depth: int, colour: int, rows: list[bytes]) -> bytes:
    """A PNG of any bit depth and colour type, which Pillow cannot write itself."""
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return len(content).to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")

    header = width.to_bytes(4, "big") + len(rows).to_bytes(4, "big")
    header += bytes([depth, colour, 0, 0, 0])
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff(width: int, bits: tuple[int, ...], photometric: int, strip: bytes) -> bytes:
    """A little-endian TIFF of one row, uncompressed."""
    bits_offset = 8 + len(strip)
    bits_value = bits[0] if len(bits) == 1 else bits_offset
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, 1),
        (258, 3, len(bits), bits_value),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 8),
        (277, 3, 1, len(bits)),
        (278, 4, 1, 1),
        (279, 4, 1, len(strip)),
    ]
    directory = bits_offset + 2 * len(bits)

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little")

    return b"".join(
        [
            b"II*\0" + number(directory, 4) + strip,
            *(number(value, 2) for value in bits),
            number(len(entries), 2),
            *(
                number(tag, 2) + number(kind, 2) + number(count, 4) + number(value, 4)
                for tag, kind, count, value in entries
            ),
            number(0, 4),
        ]
    )


def without_adobe_marker(jpeg: bytes) -> bytes:
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


def ycck_jpeg(picture: Image.Image) -> bytes:
    """A JPEG as Adobe programs write it: YCC of the inverted CMY, and K, marked as transform 2."""
    key = Image.new("L", picture.size, 255)
    channels = [*ImageOps.invert(picture).convert("YCbCr").split(), key]
    # Pillow inverts CMYK when it writes; these channels shall be stored as they are.
    stored = Image.merge("CMYK", [channel.point(lambda value: 255 - value) for channel in channels])
    data = bytearray(file_bytes(stored, "JPEG", quality=100, subsampling=0))
    marker = data.index(b"Adobe")
    data[marker + 11] = 2
    return bytes(data)


def test_the_examples_are_there():
    folder = Path(__file__).parents[2] / "examples"
    assert len(list(folder.glob("AI/*"))) == len(list(folder.glob("Real/*"))) == 9
