"""Views at native resolution show pixels as they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_pictures import colour_field
from PIL import Image

from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.train.pictures.augment import Augmentation, augment
from trustthepixels.train.pictures.crops import NATIVE_SIDE, Shown, native_part, reduced, views_of

share = st.floats(0.0, 1.0)


@given(width=st.integers(1, 300), height=st.integers(1, 300), down=share, right=share)
def test_a_part_is_a_window_of_the_picture_beside_itself(width, height, down, right):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    part = native_part(Image.fromarray(pixels), (40, 64), down, right)
    tiled = np.tile(pixels, (-(-40 // height), -(-64 // width), 1))
    top = round(down * (tiled.shape[0] - 40))
    left = round(right * (tiled.shape[1] - 64))
    assert np.array_equal(part, tiled[top : top + 40, left : left + 64])


@pytest.mark.parametrize(("view", "count"), [(Shown.WHOLE, 1), (Shown.CROP, 4), (Shown.BOTH, 5)])
def test_each_view_gives_its_number_of_arrays(view, count):
    views = views_of(colour_field(300, 200), view, (64, 64))
    assert [one.shape for one in views] == [(64, 64, 3)] * count


def test_the_four_parts_come_from_the_corners():
    image = colour_field(200, 150)
    pixels = np.asarray(image)
    corners = [pixels[:64, :64], pixels[:64, -64:], pixels[-64:, :64], pixels[-64:, -64:]]
    views = views_of(image, Shown.BOTH, (64, 64))
    assert np.array_equal(views[0], resize(image, (64, 64)))
    assert all(np.array_equal(*two) for two in zip(views[1:], corners, strict=True))


@given(width=st.integers(1, 900), height=st.integers(1, 900))
def test_only_larger_pictures_are_reduced(width, height):
    image = colour_field(width, height)
    small = reduced(image)
    if min(width, height) <= NATIVE_SIDE:
        assert small is image
    else:
        assert min(small.size) == NATIVE_SIDE
        assert small.width / small.height == pytest.approx(width / height, rel=0.02)


def test_training_takes_a_part_without_resampling():
    image = colour_field(120, 90)
    pixels = np.asarray(image)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (48, 48, 3))[:, :, 0]
    part = augment(
        image, Augmentation(view=Shown.CROP), InputShape(48, 48), np.random.default_rng(3)
    )
    straight, mirrored = (
        (windows == one).all(axis=(2, 3, 4)).any() for one in (part, part[:, ::-1])
    )
    assert straight or mirrored


def test_both_views_occur_in_training():
    image, seen = colour_field(120, 90), set()
    whole = {resize(one, (48, 48)).tobytes() for one in (image, image.transpose(0))}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        seen.add(
            augment(image, Augmentation(view=Shown.BOTH), InputShape(48, 48), rng).tobytes()
            in whole
        )
    assert seen == {True, False}
