"""What a provider is asked for beyond its defaults: CUDA graphs, engines that are kept, threads."""

from dataclasses import dataclass
from pathlib import Path

from .devices import PROVIDERS, Device

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
