"""The built-in picture is the same bytes everywhere, at every size, and worth asking about."""

import hashlib

import numpy as np
import pytest

from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.model.self_test import known_picture


def test_the_picture_is_the_same_bytes_on_every_machine():
    digest = hashlib.sha256(known_picture(InputShape(224, 224)).tobytes()).hexdigest()
    assert digest == "45e1266e5b7a8542d5374f8e1f962390371d43560ca50af3acd1324bac7878e7"


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (224, 192), (4096, 3)])
def test_every_input_size_has_its_picture(size):
    picture = known_picture(InputShape(*size))
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.uint8


def test_the_picture_is_textured_in_each_channel_and_never_clipped():
    picture = known_picture(InputShape(224, 224))
    assert picture.std(axis=(0, 1)).min() > 20
    assert picture.max() < 255
    assert len({picture[:, :, channel].tobytes() for channel in range(3)}) == 3
