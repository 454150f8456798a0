"""Part ``stages``: each stage alone, all together, and the bound that they set."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from trustthepixels.infer.bench import BenchReport
from trustthepixels.infer.bench import measure as measure_scan
from trustthepixels.infer.bundled import load_model
from trustthepixels.infer.decode import decode, decode_to_size
from trustthepixels.infer.devices import Device
from trustthepixels.infer.limits import DecodeSize, Limits
from trustthepixels.infer.memory import MemoryBudget
from trustthepixels.infer.preprocess import resize
from trustthepixels.infer.read import read_file
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.rows import RowFormat
from trustthepixels.infer.walk import WalkOptions, walk
from trustthepixels.infer.writer import RowWriter

from .models import EDGE, has_edge_model
from .names import CAMERA, PNG, SMALL, WEBP
from .pictures import camera_jpegs, files_of, small_jpegs, small_pngs, small_webps
from .scanner import scanner
from .series import interleaved
from .settings import Settings

Json = dict[str, Any]

_ROWS = 20_000
_LONG_ENOUGH = 512
"""Files of one end-to-end pass, the set repeated: start and end of a pass then hardly weigh."""

_MOST_PASSES = 4
"""Camera files are few; so many passes take ten seconds."""


def measure(settings: Settings) -> Json:
    """Stages in one thread, and ``trustthepixels bench`` on every image set and model."""
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
        f"{name}, {model}": asdict(_scan(settings, sets[name], model)) for name, model in pairs
    }
    writing = [_write_rate(settings) for _ in range(settings.counts.repeats)]
    return {"alone": alone, "together": together, "rows_per_s": writing}


def _models() -> list[str]:
    return ["default", *([EDGE] if has_edge_model() else [])]


def _scan(settings: Settings, folder: Path, model: str) -> BenchReport:
    session, options = scanner(model, Device(settings.device))
    count = len(files_of(folder))
    passes = min(_MOST_PASSES, max(1, _LONG_ENOUGH // count))
    return measure_scan(folder, session, options, settings.counts.repeats, count, passes=passes)


def _stages(folder: Path, size: tuple[int, int]) -> dict[str, float]:
    """Files per second of each stage in one thread, for a model of this input size."""
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
        decode_to_size(content, size, limits, budget)
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
