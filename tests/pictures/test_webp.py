"""WebP files of pictures that the format cannot hold as they are."""

import io

import numpy as np
import pytest
from PIL import Image

from trustthepixels.train.pictures.webp import encode_webp


def read(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_usual_picture_keeps_its_size_and_the_bytes_of_pillow():
    picture = Image.effect_noise((320, 200), 40).convert("RGB")
    expected = io.BytesIO()
    picture.save(expected, "WEBP", quality=60, method=0)
    assert encode_webp(picture, 60, 0) == expected.getvalue()


def test_a_side_that_is_too_long_is_reduced():
    assert read(encode_webp(Image.new("RGB", (16390, 40)), 60, 0)).size == (16383, 40)


@pytest.mark.slow
def test_more_detail_than_the_format_can_hold_is_reduced():
    noise = np.random.default_rng(3).integers(0, 256, (1800, 16000, 3), np.uint8)
    picture = Image.fromarray(noise)
    with pytest.raises(ValueError, match="encoding error"):
        picture.save(io.BytesIO(), "WEBP", quality=97, method=0)
    width, height = read(encode_webp(picture, 97, 0)).size
    assert 1024 < width < 16000
    assert height == round(width * 1800 / 16000)
