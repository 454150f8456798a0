"""Code for NVIDIA GPUs alone: pinned memory, CUDA graphs, several batches in flight.

A captured CUDA graph is bound to its addresses and its thread. So each batch in flight gets a lane:
a session, memory for one batch, and a thread. Decode threads fill pinned buffers in place. Plain
memory works too, but is slower.
"""

import ctypes
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np

from ..choices import Device
from ..images.pixels import PixelArray
from .providers import load_onnxruntime
from .self_test import check_known_answer
from .session import INPUT_NAME, P_AI_NAME, Session
from .signature import FloatArray
from .spec import ModelSpec


class Lane:
    """A session for batches of one size, with memory on the device and a thread of its own.

    Args:
        open_one: opens the session.
        batch_size: pictures in each batch.

    Raises:
        ProviderError: the session cannot be opened, the device failed, or its memory is full.
    """

    def __init__(self, open_one: Callable[[], Session], batch_size: int) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="device")
        self.session: Session = self._thread.submit(open_one).result()
        with self.session.typed_errors(batch_size):
            self._thread.submit(self._bind, batch_size).result()

    def run(self, images: PixelArray) -> FloatArray:
        """Run the session, like ``Session.run``, on a batch of the lane's size.

        Raises:
            ModelError: the model returned a value outside 0 to 1.
            ProviderError: the device failed.
        """
        with self.session.typed_errors(len(images)):
            p_ai = self._thread.submit(self._run, images).result()
        return self.session.checked(p_ai, len(images))

    def _bind(self, batch_size: int) -> None:
        values = load_onnxruntime().OrtValue
        where = "cuda" if self.session.device is Device.CUDA else "cpu"
        allocate = values.ortvalue_from_shape_and_type
        self._images: Any = allocate(
            [batch_size, *self.session.spec.input_shape.axes], np.uint8, where, 0
        )
        self._p_ai: Any = allocate([batch_size], np.float32, where, 0)
        self._binding: Any = self.session.inference.io_binding()
        self._binding.bind_ortvalue_input(INPUT_NAME, self._images)
        self._binding.bind_ortvalue_output(P_AI_NAME, self._p_ai)

    def _run(self, images: PixelArray) -> FloatArray:
        self._images.update_inplace(images)
        self.session.inference.run_with_iobinding(self._binding)
        # For memory of the CPU, ``numpy`` returns a view.
        p_ai: FloatArray = np.array(self._p_ai.numpy())
        return p_ai


class Lanes:
    """A model that works on several batches at once, each in a lane; threads may share it.

    Each lane scores the built-in picture first. This also captures its graph.

    Args:
        session: open on the same device, for batches of other sizes.
        open_one: opens the session of a lane.
        batch_size: pictures in a full batch.
        count: lanes, as many as batches are in flight.

    Raises:
        ProviderError: a lane cannot be opened, or computes wrong answers.
        ModelError: a lane returned a value outside 0 to 1.
    """

    def __init__(
        self, session: Session, open_one: Callable[[], Session], batch_size: int, count: int
    ) -> None:
        self._session = session
        self._batch_size = batch_size
        self._free: SimpleQueue[Lane] = SimpleQueue()
        for _ in range(count):
            lane = Lane(open_one, batch_size)
            model, provider = lane.session.model, lane.session.provider
            check_known_answer(model, provider, lane.run, batch_size, alone=session.run)
            self._free.put(lane)

    @property
    def spec(self) -> ModelSpec:
        """Specification of the model."""
        return self._session.spec

    def run(self, images: PixelArray) -> FloatArray:
        """Run a batch, like ``Session.run``; wait for a lane if all are busy.

        Raises:
            ModelError: the model returned a value outside 0 to 1.
            ProviderError: the device failed.
        """
        if len(images) != self._batch_size:
            return self._session.run(images)
        lane = self._free.get()
        try:
            return lane.run(images)
        finally:
            self._free.put(lane)


Allocate = Callable[[tuple[int, ...]], PixelArray]
"""Function that makes a buffer of zeros, uint8, in a given shape."""


_SUCCESS, _DEFAULT_FLAGS = 0, 0
"""Result and flags of the CUDA runtime's ``cudaHostRegister``."""


def plain_memory(shape: tuple[int, ...]) -> PixelArray:
    """Return a buffer of zeros, uint8, in this shape."""
    return np.zeros(shape, np.uint8)


def pinned_memory(shape: tuple[int, ...]) -> PixelArray:
    """Return a buffer of zeros, pinned for the GPU as long as the array lives."""
    buffer = plain_memory(shape)
    runtime = _cuda_runtime()
    if runtime is not None:
        address = ctypes.c_void_p(buffer.ctypes.data)
        size = ctypes.c_size_t(buffer.nbytes)
        if runtime.cudaHostRegister(address, size, _DEFAULT_FLAGS) == _SUCCESS:
            # Not at the process's end: the runtime may be unloaded by then.
            weakref.finalize(buffer, runtime.cudaHostUnregister, address).atexit = False
    return buffer


def batch_memory(device: Device) -> Allocate:
    """Return the function that makes buffers of batches for this device."""
    return pinned_memory if device is Device.CUDA else plain_memory


def _cuda_runtime() -> ctypes.CDLL | None:
    """Return the CUDA runtime of this ONNX Runtime; ``None`` if it is not loaded."""
    major = str(getattr(load_onnxruntime(), "cuda_version", "")).partition(".")[0]
    try:
        # If ONNX Runtime has loaded a library of this name already, that one is returned.
        return ctypes.CDLL(f"libcudart.so.{major}") if major else None
    except OSError:
        return None
