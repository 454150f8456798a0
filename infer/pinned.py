"""Memory that an NVIDIA GPU copies from directly, without a copy of the driver's in between.

Decode threads fill such buffers in place. Where it cannot be had, plain memory does the same, only
slower.
"""

import ctypes
import weakref
from collections.abc import Callable

import numpy as np

from .devices import NVIDIA, Device, load_onnxruntime
from .images.preprocess import PixelArray

Allocate = Callable[[tuple[int, ...]], PixelArray]
"""Makes a buffer of zeros, uint8 of the shape."""

_SUCCESS, _DEFAULT_FLAGS = 0, 0
"""Of the CUDA runtime's ``cudaHostRegister``."""


def plain_memory(shape: tuple[int, ...]) -> PixelArray:
    """A buffer of zeros, uint8 of this shape."""
    return np.zeros(shape, np.uint8)


def pinned_memory(shape: tuple[int, ...]) -> PixelArray:
    """The same, kept in place by the operating system for the GPU, as long as the array lives."""
    buffer = plain_memory(shape)
    runtime = _cuda_runtime()
    if runtime is not None:
        address = ctypes.c_void_p(buffer.ctypes.data)
        size = ctypes.c_size_t(buffer.nbytes)
        if runtime.cudaHostRegister(address, size, _DEFAULT_FLAGS) == _SUCCESS:
            # Not when the process ends: the runtime may be gone by then.
            weakref.finalize(buffer, runtime.cudaHostUnregister, address).atexit = False
    return buffer


def batch_memory(device: Device) -> Allocate:
    """What makes the buffers of batches for this device."""
    return pinned_memory if device in NVIDIA else plain_memory


def _cuda_runtime() -> ctypes.CDLL | None:
    """The CUDA runtime that this ONNX Runtime was built for; ``None`` where it is not loaded."""
    major = str(getattr(load_onnxruntime(), "cuda_version", "")).partition(".")[0]
    try:
        # A library of this name that ONNX Runtime has loaded already is taken from there.
        return ctypes.CDLL(f"libcudart.so.{major}") if major else None
    except OSError:
        return None
