"""Where a model runs: the devices of ``--device``, and the ONNX Runtime that offers them."""

import contextlib
import io
from enum import StrEnum
from types import ModuleType

from .distributions import installed_version
from .errors import ProviderError, one_line


class Device(StrEnum):
    """What the user asks for; ``auto`` takes CUDA where it works, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"
    OPENVINO = "openvino"
    COREML = "coreml"


PROVIDERS = {
    Device.CPU: ("CPUExecutionProvider",),
    Device.CUDA: ("CUDAExecutionProvider", "CPUExecutionProvider"),
    Device.TENSORRT: (
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    ),
    Device.OPENVINO: ("OpenVINOExecutionProvider", "CPUExecutionProvider"),
    Device.COREML: ("CoreMLExecutionProvider", "CPUExecutionProvider"),
}
"""ONNX Runtime's execution providers for each device, preferred first."""

LOG_FATAL = 4
"""ONNX Runtime's quietest level: failures arrive as exceptions too, and its log repeats them."""

NVIDIA = frozenset({Device.CUDA, Device.TENSORRT})
"""Devices that compute fastest in half precision, replay graphs and copy from pinned memory."""

_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
"""Distributions that install the module ``onnxruntime``; each overwrites files of the others."""

_MOST_IN_FLIGHT = 4
"""More would cost more memory: each has activations of its own."""

_HOW_TO_GET = {
    Device.CUDA: "install 'trustthepixels[gpu]'",
    Device.TENSORRT: "install 'trustthepixels[gpu]' and TensorRT's libraries",
    Device.OPENVINO: "install onnxruntime-openvino in place of onnxruntime",
    Device.COREML: "it exists on macOS only",
}


def usual_batch_size(device: Device) -> int:
    """Pictures in one batch where the user does not say otherwise."""
    return 4 if device is Device.CPU else 64


def usual_batches_in_flight(device: Device, threads: int) -> int:
    """Batches that the model works on at once.

    On a CPU, threads that share a layer wait for each other at its end, so each batch gets few of
    them: one where there are up to four. A device is fed the next batch while it computes one.

    Args:
        device: never ``auto``.
        threads: of the model on the CPU, all together.
    """
    return min(threads, _MOST_IN_FLIGHT) if device is Device.CPU else 2


def threads_per_batch(threads: int) -> int:
    """Threads of one operator on the CPU, where all batches in flight have so many together."""
    return threads // usual_batches_in_flight(Device.CPU, threads)


def load_onnxruntime() -> ModuleType:
    """Import ONNX Runtime, quiet below errors.

    Raises:
        ProviderError: it is not installed, two of its wheels are, or it cannot be loaded.
    """
    wheels = [name for name in _WHEELS if installed_version(name)]
    if len(wheels) > 1:
        raise ProviderError(
            f"{' and '.join(wheels)} are both installed and overwrite each other; "
            f"run: pip uninstall -y {' '.join(wheels)}, then install one of them "
            "with 'trustthepixels[cpu]' or 'trustthepixels[gpu]'"
        )
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ProviderError(
            "ONNX Runtime is not installed; run: pip install 'trustthepixels[cpu]', "
            "or 'trustthepixels[gpu]' for an NVIDIA GPU"
        ) from error
    except (ImportError, OSError, AttributeError) as error:
        raise ProviderError(f"ONNX Runtime cannot be loaded: {one_line(error)}") from error
    onnxruntime.set_default_logger_severity(LOG_FATAL)
    onnxruntime.disable_telemetry_events()
    module: ModuleType = onnxruntime
    return module


def require_provider(onnxruntime: ModuleType, device: Device) -> None:
    """Check that this ONNX Runtime was built with the device's provider, and load its libraries.

    Raises:
        ProviderError: it was not; the text says what to install.
    """
    wanted = PROVIDERS[device][0]
    offered = onnxruntime.get_available_providers()
    if wanted not in offered:
        raise ProviderError(
            f"this ONNX Runtime has no {wanted} for the device '{device}' "
            f"(it has {', '.join(offered)}); {_HOW_TO_GET.get(device, 'install another one')}"
        )
    if device in NVIDIA and hasattr(onnxruntime, "preload_dlls"):
        # CUDA that came as wheels is found only so; what fails here fails again, typed, later.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
