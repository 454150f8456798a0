"""Where a model runs: the devices of ``--device``, and the ONNX Runtime that offers them."""

import contextlib
import io
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType

from ..errors import ProviderError, one_line
from ..system.versions import installed_version


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
"""Devices that compute fastest in half precision and copy from pinned memory."""

ON_CPU = frozenset({Device.CPU, Device.OPENVINO})
"""Devices that take the cores which decode; OpenVINO is asked for nothing but the processor."""

_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
"""Distributions that install the module ``onnxruntime``; each overwrites files of the others."""

_IN_FLIGHT = 4
"""Batches at once on a CPU at most; each has activations of its own."""

_TENSORRT_LIBRARIES = (
    "the folder of TensorRT's libraries, which of its wheels is site-packages/tensorrt_libs, "
    "must be named in LD_LIBRARY_PATH, on Windows in PATH"
)

_HOW_TO_GET = {
    Device.CUDA: "install 'trustthepixels[gpu]'",
    Device.TENSORRT: f"install 'trustthepixels[gpu]' and TensorRT; {_TENSORRT_LIBRARIES}",
    Device.OPENVINO: "install onnxruntime-openvino in place of onnxruntime",
    Device.COREML: "it exists on macOS only",
}


def usual_batch_size(device: Device) -> int:
    """Pictures in one batch where the user does not say otherwise."""
    return 4 if device in ON_CPU else 64


def usual_batches_in_flight(device: Device, threads: int) -> int:
    """Batches that the model works on at once.

    On a CPU, threads that share a layer wait for each other at its end; threads that work on
    different batches do not. A device is fed the next batch while it computes one.

    Args:
        device: never ``auto``.
        threads: of the model on the CPU, all together.
    """
    return min(threads, _IN_FLIGHT) if device in ON_CPU else 2


def threads_of_operators(device: Device, threads: int) -> int:
    """``intra_op_num_threads`` of a session whose batches in flight have so many threads together.

    ONNX Runtime counts the caller among them: a session makes one thread less, and all its callers
    share these. OpenVINO is given all, because its batches share one number.

    Args:
        device: may be ``auto``, which never takes OpenVINO.
        threads: of the model on the CPU, all together.
    """
    if device is Device.OPENVINO:
        return threads
    return threads - usual_batches_in_flight(Device.CPU, threads) + 1


def library_advice(device: Device) -> str:
    """What to add to the words of a device that did not start; empty for most.

    ONNX Runtime preloads CUDA's and cuDNN's wheels, but not TensorRT's.
    """
    return f"; {_TENSORRT_LIBRARIES}" if device is Device.TENSORRT else ""


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


_OF_TENSORRT, _OF_CUDA, _OF_OPENVINO = (
    PROVIDERS[device][0] for device in (Device.TENSORRT, Device.CUDA, Device.OPENVINO)
)


@dataclass(frozen=True, slots=True)
class Acceleration:
    """How one session uses its GPU; none of it changes an answer beyond rounding.

    Attributes:
        batch_size: pictures in a full batch; TensorRT builds one engine for up to so many and
            takes no more. ``None`` where that is open: it builds others as larger batches come.
        graphs: whether CUDA launches a batch's kernels at once, as a captured graph. Such a
            session takes full batches in memory that stays where it is, from one thread.
        engine_cache: folder where TensorRT keeps engines for the next start; ``None`` for none.
    """

    batch_size: int | None = None
    graphs: bool = False
    engine_cache: Path | None = None


PLAIN = Acceleration()


def provider_options(
    device: Device, input_size: tuple[int, int], threads: int, acceleration: Acceleration
) -> list[dict[str, str]]:
    """Options for each of ``PROVIDERS[device]``, as ONNX Runtime wants them.

    Args:
        device: never ``auto``.
        input_size: height and width that the model takes.
        threads: as for ``open_session``; ONNX Runtime hands its own number on to no provider.
        acceleration: what is asked for.
    """
    options = {
        _OF_TENSORRT: _tensorrt_options(input_size, acceleration),
        _OF_CUDA: {
            "enable_cuda_graph": _flag(acceleration.graphs and device is Device.CUDA),
            # Timing all algorithms, the default, takes others each time, which round otherwise.
            "cudnn_conv_algo_search": "HEURISTIC",
        },
        _OF_OPENVINO: {"device_type": "CPU", "num_of_threads": str(threads)},
    }
    return [options.get(provider, {}) for provider in PROVIDERS[device]]


def _tensorrt_options(input_size: tuple[int, int], acceleration: Acceleration) -> dict[str, str]:
    options = {"trt_fp16_enable": "1"}
    if acceleration.batch_size is not None:
        height, width = input_size
        smallest, full = (f"images:{n}x{height}x{width}x3" for n in (1, acceleration.batch_size))
        # One engine for every size of batch; without these, each larger size builds another.
        options |= {
            "trt_profile_min_shapes": smallest,
            "trt_profile_opt_shapes": full,
            "trt_profile_max_shapes": full,
        }
    if acceleration.engine_cache is not None:
        folder = str(acceleration.engine_cache)
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": folder,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": folder,
        }
    return options


def _flag(is_on: bool) -> str:
    return "1" if is_on else "0"
