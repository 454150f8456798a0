"""A device without enough memory gets smaller batches, never another device in silence."""

from dataclasses import replace

import numpy as np
import pytest

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import ExitCode, OutOfMemoryError, ProviderError
from trustthepixels.infer.model.batching import SmallerBatches
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.session import Session, open_session

CUDA = (
    "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Conv node. "
    "Failed to allocate memory for requested buffer of size 822083584"
)


class LittleMemory:
    """The model on a device that has memory for so many pictures."""

    def __init__(self, inference, room: int, message: str = CUDA) -> None:
        self.inference, self.room, self.message = inference, room, message
        self.sizes: list[int] = []

    def run(self, names, images):
        self.sizes.append(len(images["images"]))
        if self.sizes[-1] > self.room:
            raise RuntimeError(self.message)
        return self.inference.run(names, images)


@pytest.fixture
def session(tiny_model) -> Session:
    return open_session(read_model_file(tiny_model), Device.CPU, 1)


def with_room(session: Session, room: int, **keywords) -> tuple[Session, LittleMemory]:
    device = LittleMemory(session.inference, room, **keywords)
    return replace(session, inference=device), device


def noise(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).integers(0, 256, (batch, 224, 224, 3)).astype(np.uint8)


@pytest.mark.parametrize(("room", "new_sizes"), [(1, [4, 2, 1]), (3, [4, 2]), (8, [4]), (9, [])])
def test_the_answers_are_the_same_and_the_user_is_told_each_new_size(session, room, new_sizes):
    told = []
    limited, device = with_room(session, room)
    smaller = SmallerBatches(limited, lambda size, reason: told.append((size, reason)))
    images = noise(9)
    assert np.array_equal(smaller.run(images), session.run(images))
    assert [size for size, _ in told] == new_sizes
    assert max(device.sizes[len(told) :]) <= room
    assert all("batch of" in reason and "Failed to allocate" in reason for _, reason in told)


def test_the_smaller_size_stays(session):
    limited, device = with_room(session, 4)
    smaller = SmallerBatches(limited, lambda *_: None)
    smaller.run(noise(8))
    device.sizes.clear()
    smaller.run(noise(8))
    assert device.sizes == [4, 4]


def test_not_even_one_picture_fits(session):
    limited, _ = with_room(session, 0)
    with pytest.raises(OutOfMemoryError, match="with a batch of 1") as caught:
        SmallerBatches(limited, lambda *_: None).run(noise(4))
    assert caught.value.exit_code is ExitCode.MODEL


@pytest.mark.parametrize(
    "message",
    [
        "CUDA failure 2: out of memory",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN failure 3000: CUDNN_STATUS_NOT_SUPPORTED ; GPU=0 ; hostname=vm",
        "std::bad_alloc",
        "bad allocation",
    ],
)
def test_the_words_of_each_library_are_known(session, message):
    limited, _ = with_room(session, 0, message=message)
    with pytest.raises(OutOfMemoryError):
        limited.run(noise(1))


def test_another_failure_is_not_tried_again(session):
    limited, device = with_room(session, 0, message="CUDA failure 700: illegal memory access")
    with pytest.raises(ProviderError, match="illegal memory access"):
        SmallerBatches(limited, lambda *_: None).run(noise(4))
    assert device.sizes == [4]
