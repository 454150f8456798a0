"""Part ``tuning``: the default settings next to others.

One setting changes at a time, on small and on camera pictures. All setups take turns in one run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.model.session import INPUT_NAME, P_AI_NAME
from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import scan_rows
from trustthepixels.infer.system.cores import available_cores

from ..inputs.models import EDGE, has_edge_model
from ..inputs.pictures import camera_jpegs, small_jpegs
from ..names import CAMERA, SMALL
from ..series import interleaved
from ..settings import Settings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of a scan.

    Attributes:
        model_threads: threads of one ONNX Runtime session.
        decode_threads: decode threads of the pipeline.
        in_flight: batches that the model works on at once.
        batch_size: pictures in one batch.
        sessions: ONNX Runtime sessions, each with its own copy of the weights.
        spinning: true if ONNX Runtime's threads spin while they wait.
        arena: true if ONNX Runtime reuses its memory between runs.
        binding: true if outputs are bound to memory that is reused.
    """

    model_threads: int
    decode_threads: int
    in_flight: int
    batch_size: int = 4
    sessions: int = 1
    spinning: bool = False
    arena: bool = True
    binding: bool = False


def setups(cores: int) -> dict[str, Setup]:
    """Return the setups by name; the first is the default, on which all others are based."""
    base = Setup(model_threads=1, decode_threads=cores, in_flight=cores)
    tried = {"the default": base}
    for threads in sorted({1, cores + 1, 2 * cores} - {cores}):
        tried[f"{threads} decode threads"] = replace(base, decode_threads=threads)
    if cores > 1:
        tried["one batch less in flight"] = replace(base, in_flight=cores - 1)
        together = replace(base, model_threads=cores, in_flight=1)
        tried["one batch in flight, all threads"] = together
        tried["the same, spinning"] = replace(together, spinning=True)
        tried["the same, IO binding"] = replace(together, binding=True)
        tried["a session for each batch in flight"] = replace(base, sessions=cores)
    tried["one batch more in flight"] = replace(base, in_flight=cores + 1)
    for size in (1, 2, 8, 16, 32):
        tried[f"batch {size}"] = replace(base, batch_size=size)
    tried["no arena"] = replace(base, arena=False)
    tried["IO binding"] = replace(base, binding=True)
    return tried


def measure(settings: Settings) -> Json:
    """Return images per second of every setup."""
    sets = {SMALL: small_jpegs(settings), CAMERA: camera_jpegs(settings)}
    rates: Json = {}
    for model in ["default", *([EDGE] if has_edge_model() else [])]:
        for name, folder in sets.items():
            takes: dict[str, Callable[[], tuple[float, float]]] = {}
            for title, setup in setups(available_cores()).items():
                classifier = _Classifier(model, setup)
                classifier.run(
                    np.zeros((setup.batch_size, *classifier.spec.input_shape.axes), np.uint8)
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


class _Lane:
    """A session, and memory for its answers if outputs are bound."""

    def __init__(self, session: Any, setup: Setup) -> None:
        self._session = session
        self._binding: Any = session.io_binding() if setup.binding else None
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
        return self._p_ai.copy()


class _Classifier:
    """Sessions with options that the scanner does not offer; a lane for each batch in flight."""

    def __init__(self, model: str, setup: Setup) -> None:
        file = load_model(model)
        self.spec: ModelSpec = file.spec
        sessions = [_session(file.content, setup) for _ in range(setup.sessions)]
        self._lanes: SimpleQueue[_Lane] = SimpleQueue()
        for number in range(setup.in_flight):
            self._lanes.put(_Lane(sessions[number % setup.sessions], setup))

    def run(self, images: PixelArray) -> npt.NDArray[np.float32]:
        lane = self._lanes.get()
        try:
            return lane.run(images)
        finally:
            self._lanes.put(lane)


def _session(content: bytes, setup: Setup) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setup.model_threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = setup.arena
    options.log_severity_level = 4
    spinning = "1" if setup.spinning else "0"
    options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


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
