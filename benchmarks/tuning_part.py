"""Part ``tuning``: the settings that were tried before the defaults were chosen.

One factor at a time around the defaults, on small and on camera pictures, all in one run by turns.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from trustthepixels.infer.bundled import load_model
from trustthepixels.infer.cpu import available_cores
from trustthepixels.infer.pipeline import ScanOptions, scan_rows
from trustthepixels.infer.preprocess import PixelArray
from trustthepixels.infer.session import INPUT_NAME, P_AI_NAME
from trustthepixels.infer.spec import ModelSpec

from .models import EDGE, has_edge_model
from .names import CAMERA, SMALL
from .pictures import camera_jpegs, small_jpegs
from .series import interleaved
from .settings import Settings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setup:
    """One way to run a scan.

    Attributes:
        model_threads: of one ONNX Runtime session.
        decode_threads: of the pipeline.
        batch_size: pictures in one batch.
        in_flight: batches that the model works on at once.
        spinning: whether ONNX Runtime's threads burn their core while they wait.
        arena: whether ONNX Runtime keeps its memory between runs.
        binding: whether outputs are bound to memory that is kept.
    """

    model_threads: int
    decode_threads: int
    batch_size: int = 4
    in_flight: int = 1
    spinning: bool = True
    arena: bool = True
    binding: bool = False


def setups(cores: int) -> dict[str, Setup]:
    """What is tried, by name; the first is what everything else departs from."""
    base = Setup(model_threads=cores, decode_threads=cores)
    tried = {"all threads, batch 4": base}
    tried["no spinning"] = replace(base, spinning=False)
    for threads in sorted({1, cores // 2 or 1, cores + 1, 2 * cores} - {cores}):
        tried[f"{threads} decode threads"] = replace(base, decode_threads=threads, spinning=False)
    if cores > 1:
        fewer = replace(base, model_threads=cores - 1, spinning=False)
        tried["1 model thread less"] = fewer
        one_less = replace(fewer, decode_threads=1)
        tried["1 model thread less, 1 decode thread"] = one_less
    for size in (1, 2, 8, 16, 32):
        tried[f"batch {size}"] = replace(base, batch_size=size, spinning=False)
    if cores > 1:
        halved = replace(base, model_threads=cores // 2, in_flight=2, spinning=False)
        tried["2 batches in flight, half the threads each"] = halved
        single = replace(base, model_threads=1, in_flight=cores, spinning=False)
        tried["as many batches as cores, 1 thread each"] = single
        tried["the same, batch 2"] = replace(single, batch_size=2)
        tried["the same, batch 8"] = replace(single, batch_size=8)
    tried["no arena"] = replace(base, arena=False, spinning=False)
    tried["IO binding"] = replace(base, binding=True, spinning=False)
    return tried


def measure(settings: Settings) -> Json:
    """Images per second of every setup."""
    sets = {SMALL: small_jpegs(settings), CAMERA: camera_jpegs(settings)}
    rates: Json = {}
    for model in ["default", *([EDGE] if has_edge_model() else [])]:
        for name, folder in sets.items():
            takes: dict[str, Callable[[], tuple[float, float]]] = {}
            for title, setup in setups(available_cores()).items():
                classifier = _Classifier(model, setup)
                classifier.run(
                    np.zeros((setup.batch_size, *classifier.spec.input_size, 3), np.uint8)
                )
                takes[title] = partial(_rate, folder, classifier, setup)
            taken = interleaved(settings.counts.repeats, takes)
            rates[f"{name}, {model}"] = {
                title: {
                    "images_per_s": [rate for rate, _ in values],
                    "cpu_ms_per_image": [cpu for _, cpu in values],
                }
                for title, values in taken.items()
            }
    return {"rates": rates}


class _Classifier:
    """A session with options that the product does not offer."""

    def __init__(self, model: str, setup: Setup) -> None:
        file = load_model(model)
        self.spec: ModelSpec = file.spec
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setup.model_threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = setup.arena
        options.log_severity_level = 4
        spinning = "1" if setup.spinning else "0"
        options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        self._session: Any = onnxruntime.InferenceSession(
            file.content, options, providers=["CPUExecutionProvider"]
        )
        self._binding: Any = self._session.io_binding() if setup.binding else None
        if self._binding is not None:
            self._p_ai = np.empty(setup.batch_size, np.float32)
            pointer = onnxruntime.OrtValue.ortvalue_from_numpy(self._p_ai)
            self._binding.bind_ortvalue_output(P_AI_NAME, pointer)

    def run(self, images: PixelArray) -> npt.NDArray[np.float32]:
        if self._binding is None:
            p_ai: npt.NDArray[np.float32] = self._session.run([P_AI_NAME], {INPUT_NAME: images})[0]
            return p_ai
        self._binding.bind_cpu_input(INPUT_NAME, images)
        self._session.run_with_iobinding(self._binding)
        return self._p_ai


def _rate(folder: Path, classifier: _Classifier, setup: Setup) -> tuple[float, float]:
    options = ScanOptions(
        batch_size=setup.batch_size,
        decode_threads=setup.decode_threads,
        batches_in_flight=setup.in_flight,
    )
    start, cpu = time.perf_counter(), time.process_time()
    rule = classifier.spec.rule()
    count = sum(1 for _ in scan_rows([str(folder).encode()], classifier, rule, options))
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    return count / wall, used / count * 1e3
