"""Pictures whose file is sound to look at, and whose pixels are not all there."""

import io
import zlib

import numpy as np
import pytest
from image_files import FILES, encoded, outcome, photograph, png_chunk, refusal, with_png_chunk
from PIL import Image

from trustthepixels.infer.images.decode import DecodedImage, DecodeError, decode
from trustthepixels.infer.images.limits import Limits, TruncatedPolicy
from trustthepixels.infer.results import FileStatus

SCORE = Limits(truncated=TruncatedPolicy.SCORE)


def png_of(mode: str, interlaced: bool, rows: int = 72) -> bytes:
    """A PNG of 96×72 whose compressed data holds only its first ``rows`` rows (or passes)."""
    picture = photograph().convert(mode)
    channels = len(picture.getbands())
    colour = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[mode]
    raw = b"".join(b"\0" + picture.crop((0, y, 96, y + 1)).tobytes() for y in range(72))
    if interlaced:
        pixels = np.asarray(picture).reshape(72, 96, channels)
        passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4))
        passes += ((1, 0, 2, 2), (0, 1, 1, 2))
        raw = b"".join(
            b"\0" + line.tobytes()
            for x, y, step_x, step_y in passes
            for line in pixels[y::step_y, x::step_x]
        )
    size = (96).to_bytes(4, "big") + (72).to_bytes(4, "big")
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", size + bytes([8, colour, 0, 0, int(interlaced)])),
            png_chunk(b"IDAT", zlib.compress(raw[: len(raw) * rows // 72])),
            png_chunk(b"IEND", b""),
        ]
    )


def tiff_tag(data: bytes, tag: int, change) -> bytes:
    """Return a little-endian TIFF with the value of one tag changed."""
    start = int.from_bytes(data[4:8], "little")
    for entry in range(int.from_bytes(data[start : start + 2], "little")):
        at = start + 2 + 12 * entry
        if int.from_bytes(data[at : at + 2], "little") == tag:
            value = int.from_bytes(data[at + 8 : at + 12], "little")
            return data[: at + 8] + change(value).to_bytes(4, "little") + data[at + 12 :]
    raise AssertionError(f"no tag {tag}")


class TestPng:
    @pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
    @pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA"])
    def test_whose_compressed_data_ends_early_is_truncated(self, mode, interlaced):
        whole = decode(png_of(mode, interlaced)).image
        assert np.array_equal(
            np.asarray(whole), np.asarray(photograph().convert(mode).convert("RGB"))
        )
        for rows in (0, 1, 36, 71):
            assert refusal(png_of(mode, interlaced, rows)).status is FileStatus.TRUNCATED, rows

    def test_that_ends_black_is_whole(self):
        black = Image.new("RGB", (33, 17))
        for options in ({}, {"bits": 1}, {"optimize": True}):
            for mode in ("RGB", "L", "1", "P"):
                data = encoded("PNG", black.convert(mode), **options)
                assert not np.asarray(decode(data).image).any()

    def test_with_more_data_than_pixels_is_decoded(self):
        picture = b"".join(
            b"\0" + photograph().crop((0, y, 96, y + 1)).tobytes() for y in range(72)
        )
        data = with_png_chunk(FILES["png"], b"IDAT", zlib.compress(picture * 5))
        assert decode(data).image.tobytes() == photograph().tobytes()

    def test_is_filled_on_request(self):
        decoded = decode(png_of("RGB", interlaced=False, rows=36), SCORE)
        assert decoded.note == "truncated: its pixel data ends early"
        kept = photograph().crop((0, 0, 96, 36))
        assert decoded.image.crop((0, 0, 96, 36)).tobytes() == kept.tobytes()

    def test_cut_off_is_filled_on_request(self):
        decoded = decode(FILES["png"][: len(FILES["png"]) // 2], SCORE)
        assert decoded.note == "truncated: its end is missing"


class TestTiff:
    def test_whose_strips_cover_only_a_part_is_truncated(self):
        data = tiff_tag(FILES["tiff"], 278, lambda rows: 10)
        assert refusal(data).status is FileStatus.TRUNCATED

    @pytest.mark.parametrize("kind", ["tiff-lzw", "tiff-deflate", "tiff-jpeg"])
    def test_whose_compressed_strips_are_missing_is_refused(self, kind):
        assert refusal(tiff_tag(FILES[kind], 278, lambda rows: 10))

    @pytest.mark.parametrize("kind", ["tiff-lzw", "tiff-deflate", "tiff-jpeg"])
    def test_whose_strip_ends_early_is_refused(self, kind):
        data = tiff_tag(FILES[kind], 279, lambda size: size // 2)
        assert refusal(data).status in (FileStatus.TRUNCATED, FileStatus.CORRUPT)

    @pytest.mark.parametrize("size", [100, 1000, 10_000])
    @pytest.mark.parametrize("filling", [b"\0", b"\xff", b"\x5a"])
    @pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "packbits"])
    def test_whose_strips_hold_more_than_their_pixels_is_refused(self, compression, filling, size):
        picture = photograph().resize((480, 360))
        data = encoded("TIFF", picture, compression=compression)
        for at in range(1000, len(data) - size - 1000, len(data) // 12):
            damaged = data[:at] + filling * size + data[at + size :]
            result = outcome(damaged)
            if isinstance(result, DecodedImage):
                # The length of a strip is right by chance, as one in some hundred is.
                assert compression == "packbits"
                assert size == 100

    def test_that_ends_with_its_directory_is_whole(self):
        data = tiff_tag(FILES["tiff"], 278, lambda rows: rows)
        start = int.from_bytes(data[4:8], "little")
        size = 2 + 12 * int.from_bytes(data[start : start + 2], "little")
        moved = data[:4] + len(data).to_bytes(4, "little") + data[8:] + data[start : start + size]
        assert decode(moved).image.tobytes() == photograph().tobytes()
        assert decode(moved).note == ""

    @pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
    def test_with_packed_strips_is_whole(self, mode):
        for picture in (photograph(), Image.new("RGB", (333, 200)), photograph().resize((7, 3))):
            data = encoded("TIFF", picture.convert(mode), compression="packbits")
            assert np.array_equal(
                np.asarray(decode(data).image), np.asarray(picture.convert(mode).convert("RGB"))
            )

    @pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
    def test_with_jpeg_inside_is_decoded_where_it_is_sound(self, mode):
        data = encoded("TIFF", photograph().convert(mode), compression="jpeg", quality=95)
        assert decode(data).image.size == (96, 72)

    def test_with_old_style_jpeg_inside_is_unsupported(self):
        data = tiff_tag(FILES["tiff-jpeg"], 259, lambda compression: 6)
        assert refusal(data).status is FileStatus.UNSUPPORTED


class TestGif:
    @pytest.mark.parametrize("interlace", [0, 1])
    def test_whose_compressed_data_ends_early_is_truncated(self, interlace):
        data = encoded("GIF", photograph().convert("P"), interlace=interlace)
        with Image.open(io.BytesIO(data)) as image:
            start = image.tile[0][2]
        assert data[start] == 255
        assert refusal(data[: start + 256] + b"\0;").status is FileStatus.TRUNCATED


class TestWebp:
    @pytest.mark.parametrize("kind", ["webp", "webp-lossless"])
    def test_whose_lengths_were_made_to_fit_the_cut_is_refused(self, kind):
        kept = FILES[kind][: len(FILES[kind]) // 2 // 2 * 2]
        sizes = [(len(kept) - 8).to_bytes(4, "little"), (len(kept) - 20).to_bytes(4, "little")]
        data = kept[:4] + sizes[0] + kept[8:16] + sizes[1] + kept[20:]
        assert refusal(data).status in (FileStatus.TRUNCATED, FileStatus.CORRUPT)


class TestBmp:
    def test_cut_with_a_length_that_fits_is_truncated(self):
        kept = FILES["bmp"][: len(FILES["bmp"]) // 2]
        data = kept[:2] + len(kept).to_bytes(4, "little") + kept[6:]
        assert refusal(data).status is FileStatus.TRUNCATED


class TestCorrupt:
    """Filling the gaps is for files that lack their end, not for damage inside."""

    @pytest.mark.parametrize("kind", [name for name in FILES if name not in ("bmp", "tiff")])
    def test_files_are_judged_as_without_the_option(self, kind):
        data, seen = FILES[kind], set()
        chance = np.random.default_rng(11)
        for _ in range(60):
            at = int(chance.integers(40, len(data) - 20))
            damaged = data[:at] + bytes(chance.integers(0, 256, 6, np.uint8)) + data[at + 6 :]
            strict, filled = outcome(damaged), outcome(damaged, SCORE)
            if isinstance(strict, DecodedImage):
                assert isinstance(filled, DecodedImage)
                assert filled.note == strict.note
            elif isinstance(filled, DecodedImage):
                assert strict.status is FileStatus.TRUNCATED
                assert filled.note.startswith("truncated: ")
            else:
                assert filled.status is strict.status
            seen.add(type(strict))
        assert DecodeError in seen

    def test_a_tiff_whose_strips_cover_only_a_part_is_scored_with_a_note(self):
        data = tiff_tag(FILES["tiff"], 278, lambda rows: 10)
        assert decode(data, SCORE).note.startswith("truncated: ")
