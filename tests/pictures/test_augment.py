"""Training pictures are changed at random, but reproducibly and within the network's shape."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_pictures import colour_field
from PIL import Image

from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.train.fitting.recipes import RECIPES, REFERENCE, WEB
from trustthepixels.train.pictures.augment import Augmentation, augment
from trustthepixels.train.pictures.crops import Shown


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    seed=st.integers(0, 2**32 - 1),
    recipe=st.sampled_from(sorted(RECIPES)),
)
@settings(max_examples=60, deadline=None)
def test_any_picture_becomes_an_array_of_the_asked_size(width, height, seed, recipe):
    rng = np.random.default_rng(seed)
    pixels = augment(
        colour_field(width, height), RECIPES[recipe].augmentation, InputShape(48, 64), rng
    )
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8


@pytest.fixture
def image(example: Path) -> Image.Image:
    """Each example picture in turn, no larger than it takes to tell it from the others."""
    picture = decode(example.read_bytes()).image
    picture.thumbnail((240, 240))
    return picture


def test_the_same_seed_gives_the_same_pixels(image):
    views = [
        augment(image, WEB.augmentation, InputShape(96, 96), np.random.default_rng(7))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*views)


def test_other_seeds_give_other_pixels(image):
    views = {
        augment(image, WEB.augmentation, InputShape(96, 96), np.random.default_rng(seed)).tobytes()
        for seed in range(8)
    }
    assert len(views) == 8


def test_the_reference_recipe_only_flips(image):
    plain = resize(image)
    flipped = resize(image.transpose(0))
    for seed in range(6):
        view = augment(
            image, REFERENCE.augmentation, InputShape(224, 224), np.random.default_rng(seed)
        )
        assert np.array_equal(view, plain) or np.array_equal(view, flipped)


@pytest.mark.parametrize("name", [name for name in RECIPES if name != REFERENCE.name])
@pytest.mark.parametrize("view", [Shown.WHOLE, Shown.CROP])
def test_recipes_show_all_four_orientations_and_mirror_images(name, view):
    """A dark corner turns up in each of the four, whatever else is done to the picture."""
    pixels = np.full((64, 64, 3), 220, np.uint8)
    pixels[:24, :24] = 20
    augmentation = replace(
        RECIPES[name].augmentation, view=view, crop_area=(1.0, 1.0), rescale_probability=0.0
    )
    found = np.zeros((2, 2), int)
    for seed in range(200):
        seen = augment(
            Image.fromarray(pixels), augmentation, InputShape(64, 64), np.random.default_rng(seed)
        )
        quarters = seen.mean(axis=2).reshape(2, 32, 2, 32).mean(axis=(1, 3))
        found.ravel()[quarters.argmin()] += 1
    assert found.min() > 30


def test_a_turn_can_be_told_from_a_mirror_image():
    """Without mirror images a picture has four views; with them eight."""
    image = colour_field(40, 40, seed=3)
    augmentation = Augmentation(turn_probability=0.75)
    seen = {
        augment(image, augmentation, InputShape(40, 40), np.random.default_rng(seed)).tobytes()
        for seed in range(120)
    }
    assert len(seen) == 8


AUGMENTATIONS = {recipe.augmentation: name for name, recipe in RECIPES.items()}
"""Each once, by the name of a recipe that has it."""


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=AUGMENTATIONS.get)
def test_a_picture_stays_recognisable(image, augmentation):
    """Whatever is done to it, the mean colour stays near the picture's own."""
    mean = np.mean(
        [
            augment(image, augmentation, InputShape(64, 64), np.random.default_rng(seed)).mean()
            for seed in range(12)
        ]
    )
    assert abs(mean - resize(image, (64, 64)).mean()) < 25


@pytest.mark.parametrize(("width", "height"), [(300, 100), (100, 300), (200, 200)])
def test_a_shape_is_drawn_for_pictures_of_any_shape(width, height):
    """A circle in a crop of a square is a circle; the picture's own shape stretches nothing."""
    across = np.abs(np.arange(width) - width / 2) < 20
    down = np.abs(np.arange(height) - height / 2) < 20
    pixels = np.repeat((255 * (across & down[:, None]))[..., None], 3, axis=2).astype(np.uint8)
    augmentation = Augmentation(crop_shapes=(1.0,))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        seen = (
            augment(Image.fromarray(pixels), augmentation, InputShape(100, 100), rng)[..., 0] > 127
        )
        if width == height:
            assert seen.any(axis=0).sum() == seen.any(axis=1).sum() == 20
        else:
            # The square may lie partly outside of the crop along the longer side.
            shorter = 1 if width > height else 0
            assert seen.any(axis=shorter).sum() in (0, 39, 40)


@pytest.mark.parametrize(
    ("augmentation", "holds"),
    [
        (Augmentation(grey_probability=1.0), lambda a: np.ptp(a.astype(int), axis=2).max() == 0),
        (
            Augmentation(border_probability=1.0),
            lambda a: np.ptp(a[0].astype(int), axis=0).max() < 9,
        ),
        (
            Augmentation(encode_probability=1.0, encode_again_probability=1.0),
            lambda a: np.ptp(a.astype(int), axis=2).max() > 0,
        ),
    ],
    ids=["grey", "border", "encoded twice"],
)
def test_each_change_does_what_its_name_says(augmentation, holds):
    image = colour_field(120, 90, seed=4)
    for seed in range(4):
        assert holds(augment(image, augmentation, InputShape(90, 120), np.random.default_rng(seed)))
