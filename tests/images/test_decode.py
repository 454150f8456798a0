"""Bytes that somebody calls an image: pixels, or an honest reason why not."""

import warnings
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from image_files import FILES, encoded, outcome, photograph, png_chunk, refusal, with_png_chunk
from PIL import Image
from tiff_files import tiff

from trustthepixels.infer.images.decode import DecodedImage, DecodeError, Limits, decode
from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.results import FileStatus


class TestSoundFiles:
    @pytest.mark.parametrize("name", FILES)
    def test_give_size_and_format_from_the_content(self, name):
        header = decode(FILES[name]).header
        assert (header.width, header.height) == (96, 72)
        assert header.format == name.split("-")[0].upper()

    def test_give_8_bit_rgb(self, example):
        image = decode(example.read_bytes()).image
        with Image.open(example) as original:
            assert image.size == original.size
            assert np.array_equal(np.asarray(image), np.asarray(original.convert("RGB")))

    def test_survive_data_after_their_end(self):
        for name in ("jpeg", "png", "gif", "webp", "bmp"):
            intact = decode(FILES[name]).image
            assert decode(FILES[name] + b"appended" * 100).image.tobytes() == intact.tobytes()

    def test_survive_where_warnings_are_errors(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for data in FILES.values():
                decode(data)


class TestNoImage:
    @pytest.mark.parametrize(
        "data",
        [
            b"\0" * 1000,
            b"<!doctype html><title>404</title>",
            b"%!PS-Adobe-3.0 EPSF-3.0\n",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"%PDF-1.7\n",
            b"PK\3\4",
            b"P6 1 1 255\n\0\0\0",
            b"\x28\0\0\0\1\0\0\0",
        ],
        ids=["zeros", "html", "postscript", "svg", "pdf", "zip", "ppm", "header-of-a-bitmap"],
    )
    def test_is_said_of_other_content(self, data):
        assert refusal(data).status is FileStatus.NOT_AN_IMAGE

    def test_is_said_of_an_empty_file(self):
        assert refusal(b"").status is FileStatus.NOT_AN_IMAGE
        assert "empty" in refusal(b"").reason

    @given(st.binary(max_size=200))
    @settings(max_examples=300, deadline=None)
    def test_random_bytes_are_refused(self, data):
        assert isinstance(outcome(data), DecodeError)


class TestUnsupported:
    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "JPEG XL"),
            (b"\xff\x0a" + bytes(40), "JPEG XL"),
            (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "JPEG 2000"),
            (b"8BPS\0\1" + bytes(40), "Photoshop"),
            (encoded("ICO"), "icon"),
        ],
        ids=["jxl-box", "jxl-bare", "jp2", "psd", "ico"],
    )
    def test_formats_are_named(self, data, name):
        assert refusal(data).status is FileStatus.UNSUPPORTED
        assert name in refusal(data).reason

    def test_float_pixels(self):
        error = refusal(encoded("TIFF", Image.new("F", (4, 4))))
        assert error.status is FileStatus.UNSUPPORTED
        assert error.header is not None
        assert error.header.format == "TIFF"

    def test_jpeg_of_12_bits(self):
        data = bytearray(FILES["jpeg"])
        data[data.index(b"\xff\xc0") + 4] = 12
        assert refusal(bytes(data)).status is FileStatus.UNSUPPORTED

    def test_lossless_jpeg(self):
        data = FILES["jpeg"].replace(b"\xff\xc0", b"\xff\xc3", 1)
        assert refusal(data).status is FileStatus.UNSUPPORTED

    def test_heif_without_its_decoder(self, monkeypatch):
        from trustthepixels.infer.images import decode as module

        monkeypatch.setattr(module, "registered_formats", lambda: ("JPEG", "PNG"))
        error = refusal(b"\0\0\0\x18ftypheic" + bytes(100))
        assert error.status is FileStatus.UNSUPPORTED
        assert "HEIF" in error.reason


class TestTooLarge:
    def test_more_pixels_than_the_limit_are_refused_from_the_header(self):
        for name, data in FILES.items():
            error = refusal(data, Limits(max_pixels=96 * 72 - 1))
            assert error.status is FileStatus.TOO_LARGE, name
            assert error.header is not None
            assert (error.header.width, error.header.height) == (96, 72)

    def test_the_limit_itself_is_allowed(self):
        assert isinstance(outcome(FILES["png"], Limits(max_pixels=96 * 72)), DecodedImage)

    def test_more_bytes_than_the_limit_are_refused(self):
        size = len(FILES["png"])
        assert refusal(FILES["png"], Limits(max_bytes=size - 1)).status is FileStatus.TOO_LARGE
        assert isinstance(outcome(FILES["png"], Limits(max_bytes=size)), DecodedImage)

    def test_the_largest_picture_with_alpha_fits_into_two_gibibytes(self):
        side = 9434
        header = side.to_bytes(4, "big") * 2 + bytes([8, 6, 0, 0, 0])
        encoded = identify(with_png_chunk(FILES["png"], b"IHDR", header))
        assert encoded.format is not None
        memory = encoded.format.open(encoded, Limits()).memory
        # A file of noise has as many bytes as its pixels; it is held twice.
        assert memory + 2 * 4 * side * side <= 2 << 30

    @pytest.mark.parametrize("side", [20_000, 2**31 - 1])
    def test_a_small_file_that_claims_many_pixels_allocates_none(self, side):
        header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
        data = with_png_chunk(FILES["png"], b"IHDR", header)
        assert refusal(data).status is FileStatus.TOO_LARGE

    def test_a_text_that_inflates_to_a_gigabyte_is_not_inflated(self):
        text = b"Comment\0\0" + zlib.compress(b"a" * 80_000_000, 9)
        chunk = png_chunk(b"zTXt", text)
        data = FILES["png"][:33] + chunk + FILES["png"][33:]
        assert decode(data).image.tobytes() == photograph().tobytes()


class TestTruncation:
    """Of a file that was cut no pixel is invented."""

    @given(name=st.sampled_from(sorted(FILES)), share=st.floats(0.0, 1.0, exclude_max=True))
    @settings(max_examples=400, deadline=None)
    @example("png", 0.9999)
    @example("gif", 0.9999)
    @example("jpeg", 0.9999)
    @example("tiff-lzw", 0.9999)
    def test_a_cut_file_is_refused_or_gives_all_the_pixels(self, name, share):
        data = FILES[name]
        result = outcome(data[: int(len(data) * share)])
        if isinstance(result, DecodedImage):
            assert result.image.tobytes() == decode(data).image.tobytes()
            assert int(len(data) * share) >= len(data) - 2, "only the end mark may be missing"

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
    def test_is_told_apart_from_damage(self, name, share):
        data = FILES[name]
        assert refusal(data[: int(len(data) * share)]).status is FileStatus.TRUNCATED

    @pytest.mark.parametrize("name", FILES)
    def test_only_a_file_cut_in_its_first_bytes_is_no_image(self, name):
        for length in range(16, 64):
            assert refusal(FILES[name][:length]).status is not FileStatus.NOT_AN_IMAGE, length

    @pytest.mark.parametrize("name", ["jpeg", "jpeg-progressive", "jpeg-restarts", "png", "gif"])
    @pytest.mark.parametrize("share", [0.5, 0.9])
    def test_zeros_in_place_of_the_rest_are_truncation_too(self, name, share):
        data = FILES[name]
        kept = int(len(data) * share)
        error = refusal(data[:kept] + bytes(len(data) - kept))
        assert error.status is FileStatus.TRUNCATED

    def test_an_animation_cut_after_its_first_frame_gives_that_frame(self):
        frames = [photograph().convert("P"), photograph().rotate(90).convert("P")]
        whole = encoded("GIF", frames[0], save_all=True, append_images=frames[1:])
        cut = whole[: len(whole) * 3 // 4]
        assert decode(cut).image.tobytes() == decode(whole).image.tobytes()

    def test_the_header_is_kept_where_it_could_be_read(self):
        header = refusal(FILES["jpeg"][:-200]).header
        assert header is not None
        assert (header.width, header.height, header.format) == (96, 72, "JPEG")


class TestDamage:
    @given(
        name=st.sampled_from(sorted(FILES)),
        edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))),
    )
    @settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_any_mutation_gives_pixels_or_a_decode_error(self, name, edits):
        data = bytearray(FILES[name])
        for share, value in edits:
            data[int(len(data) * share)] = value
        outcome(bytes(data), Limits(max_pixels=1_000_000))

    @given(
        name=st.sampled_from(sorted(FILES)),
        edits=st.lists(st.tuples(st.integers(0, 63), st.integers(0, 255)), min_size=1),
    )
    @settings(max_examples=500, deadline=None)
    def test_any_mutation_of_the_header_gives_pixels_or_a_decode_error(self, name, edits):
        data = bytearray(FILES[name])
        for position, value in edits:
            data[position] = value
        outcome(bytes(data), Limits(max_pixels=1_000_000))

    @given(
        name=st.sampled_from(sorted(FILES)),
        start=st.floats(0, 1),
        length=st.integers(1, 64),
        inserted=st.binary(max_size=64),
    )
    @settings(max_examples=300, deadline=None)
    def test_any_splice_gives_pixels_or_a_decode_error(self, name, start, length, inserted):
        data = FILES[name]
        position = int(len(data) * start)
        spliced = data[:position] + inserted + data[position + length :]
        outcome(spliced, Limits(max_pixels=1_000_000))

    @given(position=st.integers(0), bit=st.integers(0, 7))
    @settings(max_examples=200, deadline=None)
    def test_one_flipped_bit_in_the_pixels_of_a_png_is_noticed(self, position, bit):
        data = bytearray(FILES["png"])
        first, last = data.index(b"IDAT"), data.index(b"IEND") - 4
        data[first + position % (last - first)] ^= 1 << bit
        assert isinstance(outcome(bytes(data)), DecodeError)

    def test_of_a_png_in_its_middle_is_corruption(self):
        data = bytearray(FILES["png"])
        data[len(data) // 2] ^= 1
        error = refusal(bytes(data))
        assert error.status is FileStatus.CORRUPT
        assert "IDAT" in error.reason

    def test_many_scans_of_nothing_are_no_crash(self):
        data = FILES["jpeg-progressive"]
        start, end = data.index(b"\xff\xda"), data.rindex(b"\xff\xd9")
        outcome(data[:end] + data[start:end] * 50 + data[end:])


def compressed(kind: bytes, name: bytes, size: int) -> bytes:
    """Return a chunk whose content inflates to so many bytes."""
    packed = zlib.compress(bytes(65 + number % 7 for number in range(1000)) * (size // 1000))
    head = name + b"\0\0" if kind != b"iTXt" else name + b"\0\1\0\0\0"
    return png_chunk(kind, head + packed)


class TestMetadataOfPng:
    """Pixels count; metadata has bounds of its own and costs a picture nothing."""

    @pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
    @pytest.mark.parametrize("place", ["before", "after"])
    def test_large_texts_and_profiles_cost_nothing(self, kind, place):
        chunk = compressed(kind, b"workflow", 3 << 20)
        at = 33 if place == "before" else len(FILES["png"]) - 12
        data = FILES["png"][:at] + chunk + FILES["png"][at:]
        assert decode(data).image.tobytes() == photograph().tobytes()

    def test_nor_do_very_many_texts(self):
        chunk = png_chunk(b"tEXt", b"prompt\0" + b"a photograph of " * 60_000)
        data = FILES["png"][:33] + chunk * 80 + FILES["png"][33:]
        assert decode(data).image.tobytes() == photograph().tobytes()

    @pytest.mark.parametrize(
        "chunk",
        [
            png_chunk(b"iCCP", b"name\0\7profile"),
            png_chunk(b"zTXt", b"name\0\7text"),
            png_chunk(b"sRGB", b""),
            png_chunk(b"gAMA", b"\0"),
            png_chunk(b"pHYs", b"\1"),
            png_chunk(b"tEXt", b"a\0b")[:-1] + b"?",
            png_chunk(b"eXIf", b"II*\0")[:-1] + b"?",
        ],
        ids=["profile", "text", "srgb", "gamma", "density", "text-sum", "exif-sum"],
    )
    def test_damage_in_it_costs_nothing(self, chunk):
        data = FILES["png"][:33] + chunk + FILES["png"][33:]
        assert decode(data).image.tobytes() == photograph().tobytes()

    @pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt"])
    def test_orientation_in_a_text_still_counts(self, kind):
        if kind == b"iTXt":
            packet = b'<x tiff:Orientation="6"/>'
            chunk = png_chunk(kind, b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(packet))
        else:
            exif = Image.Exif()
            exif[0x0112] = 6
            digits = exif.tobytes().hex().encode()
            text = b"\nexif\n%8d\n" % (len(digits) // 2) + digits
            packed = b"\0" + zlib.compress(text) if kind == b"zTXt" else text
            chunk = png_chunk(kind, b"Raw profile type exif\0" + packed)
        data = FILES["png"][:33] + chunk + FILES["png"][33:]
        assert decode(data).image.size == (72, 96)

    def test_a_long_text_about_orientation_is_passed_over(self):
        chunk = compressed(b"iTXt", b"XML:com.adobe.xmp", 200 << 20)
        data = FILES["png"][:33] + chunk + FILES["png"][33:]
        assert decode(data).image.tobytes() == photograph().tobytes()


class TestBrands:
    @pytest.mark.parametrize("major", [b"mif1", b"msf1", b"miaf"])
    def test_an_avif_of_a_general_brand_is_avif(self, major):
        data = FILES["avif"]
        general = data[:8] + major + data[12:16] + b"mif1avif" + data[24:]
        assert decode(general).header.format == "AVIF"
        assert decode(general).image.tobytes() == decode(data).image.tobytes()

    @pytest.mark.parametrize("brands", [b"mif1\0\0\0\0mif1heic", b"heic\0\0\0\0mif1heic"])
    def test_heif_is_none(self, brands):
        found = identify(b"\0\0\0\x18ftyp" + brands + bytes(100)).format
        assert found is not None
        assert found.name == "HEIF"

    def test_a_film_is_no_picture(self):
        assert identify(b"\0\0\0\x18ftypisom\0\0\0\0avifmp42" + bytes(100)).format is None


class TestRaw:
    @pytest.mark.parametrize("data", [b"IIRO", b"IIU\0", b"FUJIFILMCCD-RAW 0201"])
    def test_raw_files_are_unsupported_by_name(self, data):
        error = refusal(data + bytes(200))
        assert error.status is FileStatus.UNSUPPORTED
        assert "raw" in error.reason

    def test_a_preview_is_judged_with_a_note(self):
        pixels = np.asarray(photograph())
        for tags in ({254: (1,)}, {50706: (1,)}):
            assert "preview" in decode(tiff(pixels, 2, tags=tags)).note
        assert decode(tiff(pixels, 2, tags={254: (0,)})).note == ""
