"""Views of a picture: their place, their pixels, and their mirror images."""

import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.images.decode import Unlimited, decode, decode_to_size
from trustthepixels.infer.images.limits import DEFAULT_LIMITS
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.images.shape import InputShape, View
from trustthepixels.infer.images.views import textured_part, views_of, whole_of
from trustthepixels.infer.scan.prepare import prepare
from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.fitting.recipes import REFERENCE
from trustthepixels.train.pictures.augment import augment
from trustthepixels.train.pictures.dataset import PictureDataset
from trustthepixels.train.pictures.load import load_image, load_pixels
from trustthepixels.train.pictures.tiers import Tier

BOTH = (View.WHOLE, View.PART)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def nine_places(width, height, size):
    """Left and top edges, from the centre on, as ``web/views.js`` has them too."""
    across, down = max(0, width - size[1]), max(0, height - size[0])
    return [(x, y) for y in (down // 2, 0, down) for x in (across // 2, 0, across)]


def texture(pixels, place, size):
    (left, top), (height, width) = place, size
    rows = [8 * (top // 8 + index) + 4 for index in range(height // 8)]
    green = pixels[[row for row in rows if row < len(pixels) // 8 * 8], left : left + width, 1]
    return int(np.abs(np.diff(green.astype(int), axis=1)).sum())


@given(width=st.integers(1, 200), height=st.integers(1, 200), seed=st.integers(0, 9))
def test_it_is_the_first_of_the_most_textured_places(width, height, seed):
    image, size = noise(width, height, seed), (40, 64)
    pixels = np.asarray(image)
    places = nine_places(width, height, size)
    left, top = max(places, key=lambda place: texture(pixels, place, size))
    wanted = pixels[top : top + 40, left : left + 64]
    part = textured_part(image, size)
    assert part.shape == (40, 64, 3)
    assert np.array_equal(part[: len(wanted), : wanted.shape[1]], wanted)


@given(width=st.integers(1, 90), height=st.integers(1, 90))
def test_a_smaller_picture_is_continued_by_its_mirror_images(width, height):
    image = noise(width, height)
    across, down = max(0, 64 - width), max(0, 48 - height)
    part = textured_part(image, (48, 64))
    if width <= 64 and height <= 48:
        padded = np.pad(np.asarray(image), ((0, down), (0, across), (0, 0)), "symmetric")
        assert np.array_equal(part, padded)
    else:
        assert part.shape == (48, 64, 3)


@pytest.mark.parametrize("place", [(0, 0), (120, 0), (60, 50), (0, 100), (120, 100)])
def test_the_only_texture_is_found(place):
    image = Image.new("RGB", (200, 150), (90, 90, 90))
    left, top = place
    image.paste(noise(80, 50), place)
    assert np.array_equal(textured_part(image, (50, 80)), np.asarray(noise(80, 50))), (left, top)


def test_of_equal_places_the_centre_counts():
    ramp = np.arange(100, dtype=np.uint8)[:, None, None] + np.zeros((1, 90, 3), np.uint8)
    assert np.array_equal(textured_part(Image.fromarray(ramp), (40, 40)), ramp[30:70, 25:65])


def test_the_whole_alone_is_what_it_was():
    image = noise(90, 70)
    assert np.array_equal(views_of(image, InputShape(32, 48)), resize(image, (32, 48)))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_scan_gives_whole_and_part_of_what_it_decoded(form):
    stream = io.BytesIO()
    noise(300, 200).save(stream, form)
    content = stream.getvalue()
    seen = decode_to_size(content, InputShape(64, 64, BOTH), DEFAULT_LIMITS, Unlimited())
    alone = decode_to_size(content, InputShape(64, 64), DEFAULT_LIMITS, Unlimited())
    image = decode(content).image
    assert seen.pixels.shape == (2, 64, 64, 3)
    assert np.array_equal(whole_of(seen.pixels), alone.pixels)
    assert np.array_equal(seen.pixels[1], textured_part(image, (64, 64)))


def test_large_jpegs_are_cut_after_scaled_decoding():
    stream = io.BytesIO()
    noise(800, 640).save(stream, "JPEG")
    shape = InputShape(32, 32, BOTH)
    seen = decode_to_size(stream.getvalue(), shape, DEFAULT_LIMITS, Unlimited())
    windows = np.lib.stride_tricks.sliding_window_view
    full = windows(np.asarray(decode(stream.getvalue()).image), (32, 32, 3))[::1, :, 0]
    places = nine_places(800, 640, (32, 32))
    assert not any(np.array_equal(full[y, x], seen.pixels[1]) for x, y in places)


def test_flat_pictures_are_doubted_for_the_whole_alone():
    stream = io.BytesIO()
    image = Image.new("RGB", (200, 200), (240, 240, 240))
    image.save(stream, "PNG")
    shape = InputShape(64, 64, BOTH)
    flat = decode_to_size(stream.getvalue(), shape, DEFAULT_LIMITS, Unlimited())
    alone = decode_to_size(stream.getvalue(), InputShape(64, 64), DEFAULT_LIMITS, Unlimited())
    assert flat.doubt is not None
    assert flat.doubt is alone.doubt


def test_training_sees_what_a_scan_sees(examples):
    shape = InputShape(48, 64, BOTH)
    for path in sorted(examples.glob("*/*.jpg"))[::4]:
        seen = load_pixels(path, shape)
        prepared = prepare(Found(os.fsencode(path)), shape, DEFAULT_LIMITS)
        assert np.array_equal(seen, prepared.pixels)
        sample = Sample(path, path.name, "ai", "", "")
        assert np.array_equal(PictureDataset([sample], shape)[0][0], seen)
        degraded = load_pixels(path, shape, Tier.WEB)
        assert np.array_equal(degraded, views_of(load_image(path, Tier.WEB), shape))


def test_both_views_are_cut_from_the_changed_picture():
    image, shape = noise(150, 120), InputShape(40, 40, BOTH)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    possible = {views_of(one, shape).tobytes() for one in (image, mirrored)}
    changed = [
        augment(image, REFERENCE.augmentation, shape, np.random.default_rng(seed))
        for seed in range(8)
    ]
    assert {one.tobytes() for one in changed} == possible
