"""Tiers degrade pictures as the web does, the same way every time."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_pictures import colour_field
from PIL import Image, ImageChops

from trustthepixels.infer.images.decode import decode
from trustthepixels.train.pictures.tiers import Tier, degrade


def difference(first, second):
    """Mean absolute difference, the second picture brought to the first one's size."""
    second = second.resize(first.size, Image.Resampling.BICUBIC)
    return np.asarray(ImageChops.difference(first, second)).mean()


@pytest.fixture(scope="module")
def photograph(examples):
    return decode((examples / "Real" / "chelsea.jpg").read_bytes()).image


def test_the_clean_tier_changes_nothing(photograph):
    assert degrade(photograph, Tier.CLEAN).tobytes() == photograph.tobytes()


@pytest.mark.parametrize("tier", Tier)
def test_the_same_picture_comes_out_the_same(photograph, tier):
    assert degrade(photograph, tier).tobytes() == degrade(photograph, tier).tobytes()


@pytest.mark.parametrize("tier", Tier)
def test_a_degraded_picture_still_shows_the_same(photograph, tier):
    assert difference(photograph, degrade(photograph, tier)) < 6.0


@pytest.mark.parametrize(
    ("tier", "size"),
    [
        (Tier.CLEAN, (2000, 1000)),
        (Tier.WEB, (768, 384)),
        (Tier.HARD, (512, 256)),
        (Tier.WEBP, (2000, 1000)),
        (Tier.SCREENSHOT, (1280, 640)),
        (Tier.UPSCALE, (4000, 2000)),
    ],
)
def test_size_of_a_large_picture(tier, size):
    assert degrade(colour_field(2000, 1000), tier).size == size


@pytest.mark.parametrize("tier", [Tier.WEB, Tier.HARD])
def test_small_pictures_are_recoded_but_not_enlarged(tier):
    picture = colour_field(120, 300)
    degraded = degrade(picture, tier)
    assert degraded.size == picture.size
    assert degraded.tobytes() != picture.tobytes()


def test_the_web_tier_is_a_jpeg_of_quality_60(photograph):
    stream = io.BytesIO()
    small = photograph.copy()
    small.thumbnail((768, 768), Image.Resampling.LANCZOS, reducing_gap=None)
    small.save(stream, "JPEG", quality=60, subsampling="4:2:0")
    assert degrade(photograph, Tier.WEB).tobytes() == Image.open(stream).tobytes()


def test_the_hard_tier_loses_more_than_the_web_tier(photograph):
    web, hard = (degrade(photograph, tier) for tier in (Tier.WEB, Tier.HARD))
    assert difference(photograph, hard) > difference(photograph, web) > 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(Tier))
def test_any_shape_survives_every_tier(width, height, tier):
    degraded = degrade(colour_field(width, height), tier)
    assert degraded.mode == "RGB"
    assert min(degraded.size) >= 1
