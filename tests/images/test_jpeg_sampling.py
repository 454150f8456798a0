"""JPEGs of every combination of sampling factors: the pixels that Pillow gives, or a refusal."""

import io
import itertools

import numpy as np
import pytest
from image_files import refusal
from jpeg_files import jpeg
from PIL import Image

from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.images.limits import Limits, TruncatedPolicy
from trustthepixels.infer.isolation.policy import needs_worker
from trustthepixels.infer.results import FileStatus

END = b"\xff\xd9"
SCORE = Limits(truncated=TruncatedPolicy.SCORE)
FACTORS = list(itertools.product(range(1, 5), repeat=2))
SIZE = (44, 40)
ROWS, COLUMNS = np.mgrid[0:40, 0:44]
PLANES = [
    (ROWS * 3 + COLUMNS * 2) % 256,
    128 + 40 * np.sin(COLUMNS / 9) + ROWS / 2,
    128 + 40 * np.cos(ROWS / 9) - COLUMNS / 2,
]


def divide_the_largest(factors: tuple[tuple[int, int], ...]) -> bool:
    """Return whether libjpeg can bring all components to one size."""
    return all(max(side) % by == 0 for side in zip(*factors, strict=True) for by in side)


class TestSampling:
    """Ratios count, not numbers, and what is decoded has the pixels that Pillow gives."""

    def check(self, factors: tuple[tuple[int, int], ...]) -> None:
        data = jpeg(PLANES, list(factors), SIZE)
        if not divide_the_largest(factors):
            assert refusal(data).status is FileStatus.UNSUPPORTED, factors
            return
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(pixels_of(data), expected), factors
        start = data.rindex(b"\xff\xda")
        cut = data[: start + (len(data) - start) * 2 // 3] + END
        assert refusal(cut).status is FileStatus.TRUNCATED, factors

    @pytest.mark.parametrize("luminance", FACTORS)
    def test_of_a_colour_picture(self, luminance):
        for chroma in FACTORS:
            self.check((luminance, chroma, chroma))

    @pytest.mark.slow
    @pytest.mark.parametrize("luminance", FACTORS)
    def test_of_three_different_components(self, luminance):
        for blue, red in itertools.permutations(FACTORS, 2):
            self.check((luminance, blue, red))

    @pytest.mark.parametrize("factors", [(2, 2), (1, 2), (3, 4)])
    def test_of_one_component_means_nothing(self, factors):
        plain, other = (jpeg(PLANES[:1], [by], SIZE, interleaved=False) for by in ((1, 1), factors))
        assert np.array_equal(pixels_of(plain), pixels_of(other))

    @pytest.mark.parametrize("chroma", [(1, 1), (1, 2), (2, 1), (2, 2)])
    def test_of_four_components(self, chroma):
        data = jpeg(
            [*PLANES, PLANES[0]], [(2, 2), chroma, chroma, (2, 2)], SIZE, adobe=2, interleaved=False
        )
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(pixels_of(data), expected)

    def test_equal_factors_are_plain_pixels(self):
        plain = pixels_of(jpeg(PLANES, [(1, 1)] * 3, SIZE))
        for factors in ((1, 2), (2, 1), (1, 3), (3, 1), (2, 2), (4, 4)):
            assert np.array_equal(pixels_of(jpeg(PLANES, [factors] * 3, SIZE)), plain), factors

    @pytest.mark.parametrize("count", [0, 2, 5])
    def test_of_no_or_odd_numbers_of_components_is_refused(self, count):
        data = jpeg(PLANES, [(1, 1)] * 3, SIZE)
        at = data.index(b"\xff\xc0") + 9
        odd = data[:at] + bytes([count]) + data[at + 1 :]
        needs_worker(identify(odd), Limits())
        assert refusal(odd).status in (FileStatus.UNSUPPORTED, FileStatus.CORRUPT)

    def test_what_goes_through_pillow_goes_to_a_worker(self):
        usual, unusual = (
            jpeg(PLANES, factors, SIZE) for factors in ([(1, 2)] * 3, [(1, 1), (1, 2), (1, 2)])
        )
        assert not needs_worker(identify(usual), Limits())
        assert needs_worker(identify(unusual), Limits())

    def test_a_file_without_its_end_is_filled_on_request(self):
        data = jpeg(PLANES, [(1, 1), (2, 2), (2, 2)], SIZE)
        assert refusal(data[: len(data) * 2 // 3]).status is FileStatus.TRUNCATED
        assert decode(data[: len(data) * 2 // 3], SCORE).note.startswith("truncated: ")

    def test_bytes_that_are_left_over_are_damage(self):
        data = jpeg(PLANES, [(2, 2), (2, 1), (1, 1)], SIZE)
        assert refusal(data[:-2] + bytes(range(1, 60)) + END).status is FileStatus.CORRUPT


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(decode(data).image)
