"""Training pictures are changed at random, but reproducibly and within the network's shape."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_pictures import colour_field
from PIL import Image

from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.train.fitting.recipes import RECIPES, REFERENCE, WEB
from trustthepixels.train.pictures.augment import augment


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    seed=st.integers(0, 2**32 - 1),
    recipe=st.sampled_from(sorted(RECIPES)),
)
@settings(max_examples=60, deadline=None)
def test_any_picture_becomes_an_array_of_the_asked_size(width, height, seed, recipe):
    rng = np.random.default_rng(seed)
    pixels = augment(colour_field(width, height), RECIPES[recipe].augmentation, (48, 64), rng)
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8


@pytest.fixture
def image(example: Path) -> Image.Image:
    """Each example picture in turn, no larger than it takes to tell it from the others."""
    picture = decode(example.read_bytes()).image
    picture.thumbnail((240, 240))
    return picture


def test_the_same_seed_gives_the_same_pixels(image):
    views = [augment(image, WEB.augmentation, (96, 96), np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(*views)


def test_other_seeds_give_other_pixels(image):
    views = {
        augment(image, WEB.augmentation, (96, 96), np.random.default_rng(seed)).tobytes()
        for seed in range(8)
    }
    assert len(views) == 8


def test_the_reference_recipe_only_flips(image):
    plain = resize(image)
    flipped = resize(image.transpose(0))
    for seed in range(6):
        view = augment(image, REFERENCE.augmentation, (224, 224), np.random.default_rng(seed))
        assert np.array_equal(view, plain) or np.array_equal(view, flipped)


AUGMENTATIONS = {recipe.augmentation: name for name, recipe in RECIPES.items()}
"""Each once, by the name of a recipe that has it."""


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=AUGMENTATIONS.get)
def test_a_picture_stays_recognisable(image, augmentation):
    """Whatever is done to it, the mean colour stays near the picture's own."""
    mean = np.mean(
        [
            augment(image, augmentation, (64, 64), np.random.default_rng(seed)).mean()
            for seed in range(12)
        ]
    )
    assert abs(mean - resize(image, (64, 64)).mean()) < 25
