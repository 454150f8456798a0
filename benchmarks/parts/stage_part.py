"""Part ``stages``: each stage alone, all stages together, and the bound from the single stages."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from trustthepixels.infer.choices import Device, RowFormat
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.files.read import read_file
from trustthepixels.infer.files.walk import walk
from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.images.decode import decode, decode_to_size
from trustthepixels.infer.images.limits import DecodeSize, Limits
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.output.writer import RowWriter
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.scan.measure import BenchReport, upper_bound
from trustthepixels.infer.scan.measure import measure as measure_scan

from ..inputs.models import EDGE, has_edge_model
from ..inputs.pictures import camera_jpegs, files_of, small_jpegs, small_pngs, small_webps
from ..names import CAMERA, PNG, SMALL, WEBP
from ..scanner import scanner
from ..series import interleaved, median
from ..settings import Settings

Json = dict[str, Any]

_ROWS = 20_000
_LONG_ENOUGH = 512
"""Files of one end-to-end pass; the set is repeated, so start and end of a pass hardly count."""

_MOST_PASSES = 4
"""Most passes over the few camera files; four take ten seconds."""


def measure(settings: Settings) -> Json:
    """Measure stages in one thread, and ``trustthepixels bench`` on every image set and model."""
    sets = {
        SMALL: small_jpegs(settings),
        CAMERA: camera_jpegs(settings),
        PNG: small_pngs(settings),
        WEBP: small_webps(settings),
    }
    pairs = [(name, "default") for name in sets]
    pairs += [(SMALL, model) for model in _models() if model != "default"]
    size = load_model().spec.input_size
    takes = {name: partial(_stages, folder, size) for name, folder in sets.items()}
    alone = interleaved(settings.counts.repeats, takes)
    together = {
        name: asdict(combined(reports)) for name, reports in _scans(settings, sets, pairs).items()
    }
    writing = [_write_rate(settings) for _ in range(settings.counts.repeats)]
    return {"alone": alone, "together": together, "rows_per_s": writing}


def _models() -> list[str]:
    return ["default", *([EDGE] if has_edge_model() else [])]


def _scans(
    settings: Settings, sets: dict[str, Path], pairs: list[tuple[str, str]]
) -> dict[str, list[BenchReport]]:
    """Measure every set and model by turns, and return a report for each repeat."""
    opened = {model: scanner(model, Device(settings.device)) for model in _models()}
    takes = {}
    for name, model in pairs:
        ready, options = opened[model]
        count = len(files_of(sets[name]))
        passes = min(_MOST_PASSES, max(1, _LONG_ENOUGH // count))
        takes[f"{name}, {model}"] = partial(
            measure_scan, sets[name], ready, options, 1, count, passes=passes
        )
    return interleaved(settings.counts.repeats, takes)


def combined(reports: Sequence[BenchReport]) -> BenchReport:
    """Merge the reports of single rounds over the same pictures into one."""
    whole = [report.end_to_end for report in reports]
    one_core = median([report.decode_one_core for report in reports])
    model_only = median([report.model_only for report in reports])
    machine = reports[0].machine
    bound = upper_bound(one_core, model_only, machine.cores, Device(machine.device))
    return replace(
        reports[0],
        rounds=sum(report.rounds for report in reports),
        decode_one_core=one_core,
        decode_only=median([report.decode_only for report in reports]),
        model_only=model_only,
        end_to_end=median(whole),
        bound=bound,
        share_of_bound=median(whole) / bound,
        spread=max(whole) / min(whole) - 1.0,
        # It is the whole process's peak so far, so the last report has the largest.
        peak_memory_mb=reports[-1].peak_memory_mb,
    )


def _stages(folder: Path, size: tuple[int, int]) -> dict[str, float]:
    """Return files per second of each stage in one thread, for a model of this input size."""
    paths = [os.fsencode(path) for path in files_of(folder)]
    count = len(paths)
    rates = {}
    walked = 20
    rates["walk"] = walked * count / _seconds(lambda: [_walk(folder) for _ in range(walked)])
    contents: list[bytes] = []
    rates["read"] = count / _seconds(
        lambda: contents.extend(read_file(path, Limits().max_bytes) for path in paths)
    )
    decoded, resized, together = 0.0, 0.0, 0.0
    budget, limits = MemoryBudget(), Limits(decode_size=DecodeSize.SCALED)
    for content in contents:
        begin = time.perf_counter()
        image = decode(content).image
        middle = time.perf_counter()
        resize(image, size)
        end = time.perf_counter()
        decode_to_size(content, InputShape(*size), limits, budget)
        decoded += middle - begin
        resized += end - middle
        together += time.perf_counter() - end
    rates["decode in full"] = count / decoded
    rates["resize in full"] = count / resized
    rates["decode scaled and resize"] = count / together
    return rates


def _walk(folder: Path) -> int:
    return sum(1 for _ in walk([os.fsencode(folder)], WalkOptions()))


def _write_rate(settings: Settings) -> float:
    row = ScanRow(
        "photos/2024/IMG_0001.jpg",
        FileStatus.OK,
        Verdict(VerdictLabel.REAL, 0.012345),
        *(500, 375, "JPEG", 45_000),
    )
    path = settings.work / "rows.csv"
    with path.open("wb") as file:
        writer = RowWriter(file.fileno(), str(path), RowFormat.CSV)

        def write() -> None:
            for _ in range(_ROWS):
                writer.write(row)
            writer.sync()

        return _ROWS / _seconds(write)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
