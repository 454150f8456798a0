"""Self-test: a built-in picture whose probability each model file stores.

A provider can load a model and still compute wrong values: a broken driver, a wrong kernel, failing
memory. So every session first has to give a known answer. A provider can also mix up the rows of a
batch, so neighbouring slots hold different pictures. They are made by integer arithmetic alone,
with the same bytes on every machine.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt

from ..errors import ProviderError
from ..images.pixels import PixelArray
from ..images.shape import InputShape
from .file import ModelFile
from .signature import FloatArray

KNOWN_ANSWER_TOLERANCE = 5e-3
"""Largest difference of ``p_ai`` of the known picture from that in the specification.

It leaves room for half precision and TF32 on a GPU; wrong values differ by far more.
"""

KNOWN_ANSWER_TOLERANCE_INT8 = 5e-2
"""Tolerance for int8 models: x86 processors without VNNI saturate sums of two products at 16 bits,
and each machine's kernels round at other places."""

_UInt32Array = npt.NDArray[np.uint32]


def known_answer_tolerance(precision: str) -> float:
    """Return the tolerance for a model of this ``precision``, as in its specification."""
    return KNOWN_ANSWER_TOLERANCE_INT8 if precision == "int8" else KNOWN_ANSWER_TOLERANCE


def known_picture(shape: InputShape) -> PixelArray:
    """Return the picture, uint8 RGB of shape ``shape.axes``; always equal for one shape.

    It holds patterns that a convolution can get wrong: slow gradients, rings that get finer
    outwards (a zone plate), hard edges along both axes, and noise, different in each channel. A
    second view is the first one's mirror image.

    Args:
        shape: shape of the input; height and width are 1 to 4096.
    """
    height, width = shape.size
    y, x = (axis.astype(np.uint32) for axis in np.mgrid[:height, :width])
    picture = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        gradient = x * (48 + 24 * channel) // width + y * (96 - 24 * channel) // height
        rings = _triangle(x * x + (channel + 1) * y * y >> 5) >> 1
        edges = ((x >> 5) + (y >> 4) & 1) * 24
        noise = _hashed((y << 12 | x) + (channel << 24)) >> 28
        # At most 142 + 63 + 24 + 15, so nothing wraps around.
        picture[:, :, channel] = (gradient + rings + edges + noise).astype(np.uint8)
    return np.stack([picture, picture[:, ::-1]]) if len(shape.views) > 1 else picture


def check_known_answer(
    model: ModelFile,
    provider: str,
    run: Callable[[PixelArray], FloatArray],
    batch_size: int,
    alone: Callable[[PixelArray], FloatArray] | None = None,
    threads: int = 1,
) -> None:
    """Let the model score the built-in pictures in a batch, and the other ones alone, too.

    As the first run at that size, it also allocates the device's memory. In a batch, the known
    picture is compared with the specification.

    Args:
        model: the verified file.
        provider: ONNX Runtime's name of the execution provider, for the message.
        run: function that the pictures will go through, such as ``Session.run``.
        batch_size: size of the later batches, at least 1.
        alone: function that runs a single picture; ``None`` where ``run`` does that too.
        threads: threads that may run the model at once. From two on, the single pictures run beside
            the batch, for the first row waits for both.

    Raises:
        ProviderError: an answer differs from the specification's, or one in a batch from the one
            alone, by more than the tolerance, or the device failed.
        ModelError: an answer is outside 0 to 1.
    """
    pictures = _different_pictures(model.spec.input_shape, batch_size)
    slots = np.arange(batch_size) % len(pictures)
    expected = model.spec.known_answer
    others = pictures[1:] if expected is not None else pictures[:0]
    with ThreadPoolExecutor(1) as beside:
        run_alone = partial(_one_by_one, alone or run, others)
        answers = beside.submit(run_alone) if threads > 1 else None
        in_batch = run(pictures[slots])
        singly = answers.result() if answers else run_alone()
    if expected is None:
        return
    tolerance = known_answer_tolerance(model.spec.precision)
    known = in_batch[slots == 0]
    furthest = float(known[np.abs(known - expected).argmax()])
    if not abs(furthest - expected) <= tolerance:
        raise ProviderError(
            f"{provider} computes wrong answers with {model.path}: p_ai of the "
            f"built-in picture is {furthest:.6f}, not {expected:.6f} (tolerance {tolerance:g}); "
            f"use another device, or another version of {provider}"
        )
    answers_alone = np.array([expected, *singly])[slots]
    difference = np.abs(in_batch - answers_alone)
    worst = int(difference.argmax())
    if not difference[worst] <= tolerance:
        raise ProviderError(
            f"{provider} computes wrong answers with {model.path}: p_ai of a built-in picture is "
            f"{in_batch[worst]:.6f} in a batch of {batch_size} and {answers_alone[worst]:.6f} "
            f"alone (tolerance {tolerance:g}); use another device, or another version of {provider}"
        )


def _one_by_one(run: Callable[[PixelArray], FloatArray], pictures: PixelArray) -> list[float]:
    return [float(run(picture[np.newaxis])[0]) for picture in pictures]


def _different_pictures(shape: InputShape, most: int) -> PixelArray:
    """The known picture and others made of it, so that no slot can pass for its neighbour."""
    picture = known_picture(shape)
    corner = np.broadcast_to(picture[..., :1, :1, :], picture.shape)
    others = (picture[..., ::-1, :, :], 255 - picture, corner)
    return np.stack([picture, *others][:most])


def _triangle(phase: _UInt32Array) -> _UInt32Array:
    """Return a wave of period 256 between 0 and 127."""
    folded = np.bitwise_and(phase, np.uint32(255))
    return np.minimum(folded, np.uint32(255) - folded)


def _hashed(values: _UInt32Array) -> _UInt32Array:
    """Return noise: each value's bits, mixed (the finaliser of MurmurHash3, Appleby 2011)."""
    mixed = (values ^ values >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ mixed >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return mixed ^ mixed >> np.uint32(16)
