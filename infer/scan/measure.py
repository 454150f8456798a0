"""Measured speed of a scan: decoding alone, the model alone, and both together, in one run.

The bound of a pipeline on one CPU is ``1 / (t_decode / cores + t_model)``: each picture costs its
decoding on one core, and its share of a batch on all of them. With the model on a GPU the two
overlap, and the slower of ``t_decode / cores`` and ``t_model`` is the bound.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..choices import Device
from ..errors import InputError
from ..files.walk import Found, walk
from ..images.decode import Limits
from ..images.pixels import PixelArray
from ..images.shape import InputShape
from ..model.batching import BatchedModel, Tell
from ..model.machine import Machine, machine
from ..model.providers import ON_CPU
from ..model.session import Classifier, Session
from ..model.spec import ModelSpec
from ..results import FileStatus
from ..system.cores import available_cores
from ..system.memory import peak_memory_mb
from .job.settings import options_for
from .job.start import open_model
from .options import ScanOptions
from .pipeline import scan_found
from .prepare import PreparedImage, prepare
from .request import ScanRequest

_MODEL_SECONDS = 2.0
"""Least seconds that the model runs in each round, so that single batches do not decide."""


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Result of ``measure``. Rates are files per second, each the median of the rounds.

    Attributes:
        images: pictures that were decoded and scored.
        failed: files that could not be decoded; they are in every rate but the model's.
        megapixels: mean size of the pictures.
        rounds: number of times that each figure was taken.
        batch_size: pictures in one batch.
        decode_threads: threads that read, decode and resize.
        decode_one_core: reading, decoding and resizing in one thread.
        decode_only: decoding through the pipeline, with a model that costs nothing.
        model_only: the model alone on full batches.
        end_to_end: the pipeline as ``scan-folder`` runs it.
        bound: upper bound from ``decode_one_core`` and ``model_only``, see the module's text.
        share_of_bound: ``end_to_end / bound``.
        spread: largest over smallest ``end_to_end`` of the rounds, less 1.
        peak_memory_mb: peak memory of the whole process, in units of 10^6 bytes; ``None`` if
            unknown.
        model: name of the model.
        machine: machine of the measurement.
    """

    images: int
    failed: int
    megapixels: float
    rounds: int
    batch_size: int
    decode_threads: int
    decode_one_core: float
    decode_only: float
    model_only: float
    end_to_end: float
    bound: float
    share_of_bound: float
    spread: float
    peak_memory_mb: float | None
    model: str
    machine: Machine


@dataclass(frozen=True, slots=True)
class _NoModel:
    """A classifier that costs nothing, for the pipeline around it."""

    spec: ModelSpec

    def run(self, images: PixelArray) -> npt.NDArray[np.float32]:
        return np.zeros(len(images), np.float32)


def measure_scan(request: ScanRequest, rounds: int, most_files: int, tell: Tell) -> BenchReport:
    """Measure a scan of a request; see ``measure``.

    Args:
        request: its first path is the folder.
        rounds: number of times that each figure is taken.
        most_files: number of files to use, from the first on.
        tell: takes lines for the user.

    Raises:
        InputError: the folder has no picture that can be decoded.
        ModelError: the model is missing, damaged or not written by ``trustthepixels export``.
        ProviderError: ONNX Runtime or the device is unavailable.
    """
    model, _ = open_model(request, tell)
    options = options_for(request, model.session.device)
    return measure(Path(request.paths[0]), model, options, rounds, most_files)


def measure(
    folder: Path,
    model: BatchedModel,
    options: ScanOptions,
    rounds: int,
    most_files: int,
    passes: int = 1,
) -> BenchReport:
    """Measure scanning the pictures below a folder.

    Args:
        folder: searched as ``scan-folder`` does.
        model: model at the batch size of ``options``.
        options: options of the scan.
        rounds: number of times that each figure is taken; the figures alternate, so a busy moment
            of the machine affects all of them.
        most_files: number of files to use, from the first on.
        passes: number of scans of the files in one pass, so that start and end weigh less.

    Raises:
        InputError: the folder has no picture that can be decoded.
    """
    session = model.session
    files = list(islice(walk([os.fsencode(folder)], options.walk), most_files))
    # This pass also brings the files into the system's cache.
    sizes, failed = _survey(files, session.spec.input_shape, options.limits)
    if not sizes:
        raise InputError(f"{folder} has no picture that can be decoded")
    batch = _batch(files, model, options)
    no_model = replace(model, classifier=_NoModel(session.spec))
    scanned = files * passes
    one_core, decode, alone, whole = [], [], [], []
    for _ in range(rounds):
        one_core.append(len(files) / _seconds(lambda: _prepare_all(files, session, options)))
        decode.append(len(files) / _seconds(lambda: _scan(files, no_model, options)))
        alone.append(_model_rate(model.classifier, batch, options.batches_in_flight))
        whole.append(len(scanned) / _seconds(lambda: _scan(scanned, model, options)))
    cores = available_cores()
    end_to_end = statistics.median(whole)
    bound = upper_bound(
        statistics.median(one_core), statistics.median(alone), cores, session.device
    )
    return BenchReport(
        images=len(sizes),
        failed=failed,
        megapixels=statistics.fmean(sizes) / 1e6,
        rounds=rounds,
        batch_size=options.batch_size,
        decode_threads=options.decode_threads,
        decode_one_core=statistics.median(one_core),
        decode_only=statistics.median(decode),
        model_only=statistics.median(alone),
        end_to_end=end_to_end,
        bound=bound,
        share_of_bound=end_to_end / bound,
        spread=max(whole) / min(whole) - 1.0,
        peak_memory_mb=peak_memory_mb(),
        model=session.spec.name,
        machine=machine(session),
    )


def upper_bound(decode_one_core: float, model_only: float, cores: int, device: Device) -> float:
    """Return the images per second that no pipeline over these two stages can exceed.

    Args:
        decode_one_core: images per second of decoding on one core.
        model_only: images per second of the model.
        cores: cores that decode, and on the CPU also run the model.
        device: device of the model.
    """
    decode_seconds, model_seconds = 1 / (decode_one_core * cores), 1 / model_only
    if device in ON_CPU:
        return 1 / (decode_seconds + model_seconds)
    return 1 / max(decode_seconds, model_seconds)


def _survey(files: Sequence[Found], shape: InputShape, limits: Limits) -> tuple[list[int], int]:
    """Return the pixels of each sound picture, and the number of other files."""
    rows = []
    for file in files:
        prepared = prepare(file, shape, limits)
        rows.append(prepared.row if isinstance(prepared, PreparedImage) else prepared)
    sound = [row for row in rows if row.status is FileStatus.OK]
    return [(row.width or 0) * (row.height or 0) for row in sound], len(rows) - len(sound)


def _batch(files: Sequence[Found], model: BatchedModel, options: ScanOptions) -> PixelArray:
    """Return a full batch of real pictures, repeated if there are too few, in memory as in a
    scan."""
    shape = model.session.spec.input_shape
    prepared = (prepare(file, shape, options.limits) for file in files)
    sound = (image.pixels for image in prepared if isinstance(image, PreparedImage))
    pixels = list(islice(sound, options.batch_size))
    batch = model.allocate((options.batch_size, *shape.axes))
    for index in range(options.batch_size):
        batch[index] = pixels[index % len(pixels)]
    return batch


def _prepare_all(files: Sequence[Found], session: Session, options: ScanOptions) -> None:
    for file in files:
        prepare(file, session.spec.input_shape, options.limits)


def _scan(files: Sequence[Found], model: BatchedModel, options: ScanOptions) -> None:
    rule = model.session.spec.rule()
    for _ in scan_found(files, model.classifier, rule, options, model.allocate):
        pass


def _model_rate(classifier: Classifier, batch: PixelArray, in_flight: int) -> float:
    """Return images per second of the model alone, with as many batches at once as in a scan."""
    begin = time.perf_counter()

    def repeat() -> int:
        images = 0
        while time.perf_counter() - begin < _MODEL_SECONDS or not images:
            classifier.run(batch)
            images += len(batch)
        return images

    with ThreadPoolExecutor(in_flight) as pool:
        counts = [future.result() for future in [pool.submit(repeat) for _ in range(in_flight)]]
    return sum(counts) / (time.perf_counter() - begin)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
