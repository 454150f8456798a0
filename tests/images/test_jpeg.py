"""JPEG files: strict about missing and damaged pixels, tolerant of what costs none."""

import io

import numpy as np
import pytest
from image_files import encoded, outcome, photograph, refusal
from PIL import Image

from trustthepixels.infer.errors import ImageError
from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.images.decode import DecodedImage, decode, decode_to_size
from trustthepixels.infer.images.formats.strict_jpeg.decode import decode_jpeg
from trustthepixels.infer.images.formats.strict_jpeg.markers import read_markers
from trustthepixels.infer.images.limits import DecodeSize, Limits, TruncatedPolicy
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.results import FileStatus

BASELINE = encoded("JPEG")
PROGRESSIVE = encoded("JPEG", progressive=True)
RESTARTS = encoded("JPEG", restart_marker_blocks=4)
CMYK = encoded("JPEG", photograph().convert("CMYK"))
GREY = encoded("JPEG", photograph().convert("L"))
KINDS = {
    "baseline": BASELINE,
    "progressive": PROGRESSIVE,
    "restarts": RESTARTS,
    "cmyk": CMYK,
    "grey": GREY,
}
END = b"\xff\xd9"
SCORE = Limits(truncated=TruncatedPolicy.SCORE)
SMALL = (9, 12)
"""An input size, height and width, for which the pictures here are decoded at a half."""


def edited(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    """Return a file with bytes replaced, counted from the first ``marker``."""
    start = data.index(marker) + offset
    return data[:start] + value + data[start + len(value) :]


def prepared(data: bytes, size: tuple[int, int], decode_size: DecodeSize) -> np.ndarray:
    return decode_to_size(
        data, InputShape(*size), Limits(decode_size=decode_size), MemoryBudget()
    ).pixels


def status_at(size: tuple[int, int], data: bytes, decode_size: DecodeSize) -> FileStatus:
    try:
        prepared(data, size, decode_size)
    except ImageError as error:
        return error.status
    return FileStatus.OK


def pixels(data: bytes) -> bytes:
    return decode(data).image.tobytes()


class TestAgreementWithPillow:
    def by_pillow(self, data: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    @pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
    @pytest.mark.parametrize("progressive", [False, True])
    @pytest.mark.parametrize("quality", [30, 75, 97])
    def test_is_to_the_last_bit(self, subsampling, progressive, quality):
        data = encoded("JPEG", subsampling=subsampling, progressive=progressive, quality=quality)
        assert np.array_equal(np.asarray(decode(data).image), self.by_pillow(data))

    @pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
    def test_holds_for_every_colour_space(self, mode):
        data = encoded("JPEG", photograph().convert(mode))
        assert np.array_equal(np.asarray(decode(data).image), self.by_pillow(data))

    def test_holds_for_rgb_without_a_colour_transform(self):
        data = encoded("JPEG", keep_rgb=True)
        assert np.array_equal(np.asarray(decode(data).image), self.by_pillow(data))

    @pytest.mark.parametrize("size", [(1, 1), (7, 3), (17, 16), (16, 17), (2001, 1001)])
    def test_holds_for_sizes_that_fill_no_block_and_for_large_ones(self, size):
        data = encoded("JPEG", photograph().resize(size))
        by_pillow = self.by_pillow(data)
        assert np.array_equal(np.asarray(decode(data).image), by_pillow)
        at_size = prepared(data, (224, 224), DecodeSize.FULL)
        assert np.array_equal(at_size, resize(Image.fromarray(by_pillow)))

    def test_holds_as_long_as_the_picture_is_kept(self):
        """The pixels lie in the decoder's memory, which must be neither freed nor used again."""
        sizes = [(40, 30), (2000, 1500), (41, 30), (2001, 1500)]
        files = [encoded("JPEG", photograph().resize(size)) for size in sizes]
        images = [decode(data).image for data in files * 3]
        images.append(images[1].copy())
        for image, data in zip(images, files * 3 + files[1:2], strict=True):
            assert np.array_equal(np.asarray(image), self.by_pillow(data))

    def test_holds_on_the_examples(self, example):
        data = example.read_bytes()
        assert np.array_equal(np.asarray(decode(data).image), self.by_pillow(data))


class TestMissingPixels:
    @pytest.mark.parametrize("kind", KINDS)
    def test_of_a_file_cut_anywhere_and_closed_again_are_never_invented(self, kind):
        data = KINDS[kind]
        whole = pixels(data)
        first_scan = data.index(b"\xff\xda") + 14
        for kept in range(first_scan, len(data) - 2, 7):
            result = outcome(data[:kept] + END)
            if isinstance(result, DecodedImage):
                assert result.image.tobytes() == whole, kept
            else:
                # Between two scans a cut can also fall into a table.
                assert result.status is FileStatus.TRUNCATED or kind == "progressive", kept

    def test_of_a_small_file_that_claims_a_huge_picture(self):
        data = edited(BASELINE, b"\xff\xc0", 5, (9000).to_bytes(2, "big") * 2)
        assert refusal(data).status is FileStatus.TRUNCATED

    def test_of_a_progressive_file_without_its_last_scan(self):
        last_scan = PROGRESSIVE.rindex(b"\xff\xc4")
        error = refusal(PROGRESSIVE[:last_scan] + END)
        assert error.status is FileStatus.TRUNCATED
        assert "last scans" in error.reason

    def test_of_a_file_whose_end_was_overwritten_with_zeros(self):
        kept = len(BASELINE) // 2
        zeros = bytes(len(BASELINE) - kept)
        assert refusal(BASELINE[:kept] + zeros).status is FileStatus.TRUNCATED
        assert refusal(BASELINE[:kept] + zeros + END).status is FileStatus.TRUNCATED

    def test_of_a_lost_restart_interval(self):
        first, second = RESTARTS.index(b"\xff\xd1"), RESTARTS.index(b"\xff\xd2")
        assert refusal(RESTARTS[:first] + RESTARTS[second:]).status is FileStatus.CORRUPT

    @pytest.mark.parametrize("kind", ["baseline", "progressive", "restarts"])
    def test_are_filled_on_request_and_the_row_says_so(self, kind):
        data = KINDS[kind]
        decoded = decode(data[: len(data) * 3 // 4], SCORE)
        assert decoded.image.size == photograph().size
        assert decoded.note
        kept = np.asarray(decoded.image)[:16]
        difference = kept.astype(int) - np.asarray(decode(data).image)[:16]
        # Of a progressive picture the last refinement is missing everywhere.
        assert np.abs(difference).mean() < (12 if kind == "progressive" else 1)

    def test_request_does_not_extend_to_corrupt_files(self):
        data = RESTARTS[:-2] + b"\x12" * 40 + END
        assert refusal(data).status is FileStatus.CORRUPT
        assert refusal(data, SCORE).status is FileStatus.CORRUPT

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_sound_file_has_no_note(self, kind):
        assert decode(KINDS[kind], SCORE).note == ""


class TestDamage:
    def test_that_leaves_data_over_is_noticed(self):
        data = BASELINE[:-2] + b"\x12\x34" * 20 + END
        assert refusal(data).status is FileStatus.CORRUPT

    def test_in_the_tables_is_noticed(self):
        for data in (BASELINE, PROGRESSIVE):
            assert refusal(edited(data, b"\xff\xc4", 5, b"\xff" * 16)).status in (
                FileStatus.CORRUPT,
                FileStatus.TRUNCATED,
            )


class TestOddities:
    """Oddities of which a strict decoder warns although no pixel is lost."""

    @pytest.mark.parametrize(
        "data",
        [
            BASELINE[:20] + b"\0\0\0" + BASELINE[20:],
            BASELINE[:-2],
            BASELINE + b"appended" * 1000,
            BASELINE[:-2] + bytes(500) + END,
            BASELINE[:-2] + b"\xff" * 50 + END,
            edited(BASELINE, b"JFIF", 5, b"\x09"),
            edited(BASELINE, b"\xff\xda", 11, b"\0\0\0"),
            BASELINE + BASELINE,
            BASELINE[:20] + b"\xff\xe2\0\x12ICC_PROFILE\0\x09\x01ab" + BASELINE[20:],
        ],
        ids=[
            "bytes-between-segments",
            "no-end-mark",
            "data-after-the-end",
            "zeros-before-the-end-mark",
            "fill-bytes",
            "unknown-jfif-revision",
            "odd-spectral-parameters",
            "two-pictures",
            "damaged-colour-profile",
        ],
    )
    def test_costs_no_verdict_and_changes_no_pixel(self, data):
        assert pixels(data) == pixels(BASELINE)

    def test_does_not_hide_a_cut(self):
        data = BASELINE[:20] + b"\0\0\0" + BASELINE[20 : len(BASELINE) // 2] + END
        assert refusal(data).status in (FileStatus.TRUNCATED, FileStatus.CORRUPT)


class TestUnsupported:
    def test_arithmetic_coding(self):
        data = BASELINE.replace(b"\xff\xc0", b"\xff\xc9", 1)
        assert refusal(data).reason == "arithmetic JPEG is not supported"

    def test_two_components(self):
        data = edited(BASELINE, b"\xff\xc0", 9, b"\x02")
        assert refusal(data).reason == "JPEG of 2 components is not supported"


class TestScaling:
    @pytest.mark.parametrize(
        ("size", "at_least", "expected"),
        [
            ((800, 600), (60, 80), (100, 75)),
            ((800, 600), (75, 100), (100, 75)),
            ((800, 600), (76, 100), (200, 150)),
            # Not at 3/8.
            ((800, 600), (151, 200), (400, 300)),
            ((801, 602), (150, 200), (201, 151)),
            ((8, 3000), (300, 1), (1, 375)),
            ((800, 600), (300, 400), (400, 300)),
            ((800, 600), (599, 1), (800, 600)),
            ((800, 600), (9000, 9000), (800, 600)),
            ((800, 600), (0, 0), (800, 600)),
        ],
    )
    def test_gives_the_smallest_scale_that_keeps_both_sides(self, size, at_least, expected):
        data = encoded("JPEG", photograph().resize(size))
        assert decode_jpeg(data, at_least).image.size == expected

    @pytest.mark.parametrize("kind", KINDS)
    def test_refuses_what_a_full_decode_refuses(self, kind):
        """The files of ``TestMissingPixels`` and ``TestDamage``: cut anywhere and closed again."""
        data = KINDS[kind]
        first_scan = data.index(b"\xff\xda") + 14
        damaged = [data[:kept] + END for kept in range(first_scan, len(data) - 2, 7)]
        damaged += [data[:-2] + b"\x12\x34" * 20 + END, edited(data, b"\xff\xc4", 5, b"\xff" * 16)]
        assert [status_at(SMALL, case, DecodeSize.SCALED) for case in damaged] == [
            status_at(SMALL, case, DecodeSize.FULL) for case in damaged
        ]

    def test_of_a_cut_file_is_filled_on_request(self):
        cut = BASELINE[: len(BASELINE) * 3 // 4]
        limits = Limits(truncated=TruncatedPolicy.SCORE, decode_size=DecodeSize.SCALED)
        assert decode_to_size(cut, InputShape(*SMALL), limits, MemoryBudget()).note

    @pytest.mark.parametrize(("side", "is_scaled"), [(1199, False), (1200, True)])
    def test_leaves_pictures_below_twelve_times_the_size_as_they_are(self, side, is_scaled):
        data = encoded("JPEG", photograph().resize((side, side)))
        scaled, full = (prepared(data, (100, 100), size) for size in DecodeSize)
        assert np.array_equal(scaled, full) != is_scaled

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_changes_a_smooth_picture_hardly_whatever_its_orientation(self, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        # One pixel more than quarters: all but a trace of the last column and row is padding.
        large = photograph().resize((961, 545), Image.Resampling.BICUBIC)
        data = encoded("JPEG", large, quality=95, exif=exif)
        scaled, full = (prepared(data, (20, 20), size).astype(int) for size in DecodeSize)
        assert 0 < np.abs(scaled - full).max() <= 2


class TestStructure:
    def test_names_size_process_and_scans(self):
        structure = read_markers(PROGRESSIVE)
        assert (structure.width, structure.height) == photograph().size
        assert structure.is_progressive
        assert structure.scans == PROGRESSIVE.count(b"\xff\xda")
        assert structure.end == len(PROGRESSIVE) - 2
        assert structure.has_all_coefficients

    def test_stops_where_it_is_told(self):
        many = PROGRESSIVE[:-2] + PROGRESSIVE[PROGRESSIVE.index(b"\xff\xda") : -2] * 1000
        structure = read_markers(many, max_markers=500)
        assert structure.markers == 500
        assert not structure.is_whole

    def test_of_any_bytes_is_read_without_an_error(self):
        for data in (
            b"",
            b"\xff",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xc0",
            b"\xff\xd8\xff\xda\0\3\xff",
        ):
            read_markers(data)
