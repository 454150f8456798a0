"""Devices of ``--device``, and the ONNX Runtime that offers them: its import and its errors."""

import contextlib
import io
import os
import re
from importlib import import_module
from types import ModuleType

from ..choices import Device
from ..errors import ProviderError, one_line
from ..system.versions import installed_version

PROVIDERS = {
    Device.CPU: ("CPUExecutionProvider",),
    Device.CUDA: ("CUDAExecutionProvider", "CPUExecutionProvider"),
    Device.OPENVINO: ("OpenVINOExecutionProvider", "CPUExecutionProvider"),
}
"""ONNX Runtime's execution providers for each device, preferred first."""

LOG_FATAL = 4
"""ONNX Runtime's quietest log level; failures arrive as exceptions, which the log would repeat."""

ON_CPU = frozenset({Device.CPU, Device.OPENVINO})
"""Devices that use the decoders' cores; OpenVINO runs on the processor alone."""

_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
"""Distributions that install the module ``onnxruntime``; each overwrites files of the others."""

_TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"
"""Environment variable that ONNX Runtime reads when it is loaded."""

_HOW_TO_GET = {
    Device.CPU: "'trustthepixels[cpu]'",
    Device.CUDA: "'trustthepixels[gpu]'",
    Device.OPENVINO: "onnxruntime-openvino",
}

_LIBRARY_SAYS = re.compile(r"\b(?:CUDA|CUDNN|CUBLAS|CUFFT) failure \d+: [^;]+?(?= ;|$)")
"""Reason of a CUDA library, inside a text of hundreds of characters."""

_TOO_MUCH = (
    "out of memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    # cuDNN's answer to a tensor that is too large for its convolutions.
    "cudnn_status_not_supported",
)
"""Texts of ONNX Runtime's arenas, CUDA, cuDNN, cuBLAS and C++; none has an error code."""


def load_onnxruntime() -> ModuleType:
    """Return ONNX Runtime, quiet below errors.

    Raises:
        ProviderError: it is not installed, two of its wheels are, or its import fails.
    """
    wheels = [name for name in _WHEELS if installed_version(name)]
    if len(wheels) > 1:
        raise ProviderError(
            f"{' and '.join(wheels)} are both installed and overwrite each other; "
            f"run: pip uninstall -y {' '.join(wheels)}, then install one of them "
            "with 'trustthepixels[cpu]' or 'trustthepixels[gpu]'"
        )
    # Without it ONNX Runtime (1.32) keeps an identity of the machine in the user's home, also when
    # its events are disabled.
    os.environ.setdefault(_TELEMETRY_OFF, "1")
    try:
        onnxruntime = import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ProviderError(
            "ONNX Runtime is not installed; run: pip install 'trustthepixels[cpu]', "
            "or 'trustthepixels[gpu]' for an NVIDIA GPU"
        ) from error
    except (ImportError, OSError, AttributeError) as error:
        raise ProviderError(f"ONNX Runtime cannot be loaded: {one_line(error)}") from error
    onnxruntime.set_default_logger_severity(LOG_FATAL)
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def require_provider(onnxruntime: ModuleType, device: Device) -> None:
    """Check that this ONNX Runtime was built with the device's provider, and load its libraries.

    Raises:
        ProviderError: the provider is missing; the text says what to install.
    """
    wanted = PROVIDERS[device][0]
    offered = onnxruntime.get_available_providers()
    if wanted not in offered:
        raise ProviderError(
            f"this ONNX Runtime has no {wanted} for the device '{device}' "
            f"(it has {', '.join(offered)}); {_way_to_get(device)}"
        )
    if device is Device.CUDA and hasattr(onnxruntime, "preload_dlls"):
        # CUDA from wheels is found only in this way; a failure here comes again later, typed.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()


def _way_to_get(device: Device) -> str:
    """Return the two steps that replace the installed ONNX Runtime by one for a device."""
    wheels = " ".join(name for name in _WHEELS if installed_version(name)) or "onnxruntime"
    return f"first run: pip uninstall -y {wheels}, then: pip install {_HOW_TO_GET[device]}"


def provider_options(
    device: Device, threads: int, *, cuda_graphs: bool = False
) -> list[dict[str, str]]:
    """Return options for each of ``PROVIDERS[device]``, in ONNX Runtime's form.

    Args:
        device: never ``auto``.
        threads: as for ``open_session``; ONNX Runtime passes its own number to no provider.
        cuda_graphs: as for ``open_session``.
    """
    own = {
        Device.CUDA: {
            "enable_cuda_graph": "1" if cuda_graphs else "0",
            # Timing all algorithms, the default, chooses others each time, which round differently.
            "cudnn_conv_algo_search": "HEURISTIC",
        },
        Device.OPENVINO: {"device_type": "CPU", "num_of_threads": str(threads)},
    }
    return [own.get(device, {}), *({} for _ in PROVIDERS[device][1:])]


def errors_of(onnxruntime: ModuleType) -> tuple[type[Exception], ...]:
    """Return ONNX Runtime's exceptions; they share no base class of their own."""
    state = onnxruntime.capi.onnxruntime_pybind11_state
    own = (value for value in vars(state).values() if isinstance(value, type))
    return (
        *(cls for cls in own if issubclass(cls, Exception)),
        RuntimeError,
        ValueError,
        MemoryError,
    )


def reason_of(error: Exception) -> str:
    """Return the reason why a session failed, in one line."""
    text = one_line(error)
    found = _LIBRARY_SAYS.search(text)
    return found.group() if found else text


def is_too_much(error: Exception) -> bool:
    """Return whether a device refused a batch for its size: a smaller batch may fit."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _TOO_MUCH)
