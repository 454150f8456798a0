"""Part ``growth``: memory and time per file by the number of files, and bookkeeping alone.

The files are tiny and the model costs nothing. So the walk, reading, bookkeeping and writing are
measured. Memory is also measured with the bundled models on real pictures.
"""

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..inputs.models import EDGE, has_edge_model, null_model
from ..inputs.pictures import camera_jpegs, small_jpegs
from ..inputs.tiny_files import tiny_files
from ..processes import Run, command, run
from ..series import interleaved
from ..settings import Settings

Json = dict[str, Any]

_ONE_CORE_FILES = 100_000


def measure(settings: Settings) -> Json:
    """Return peak memory, microseconds per file by decade, and files per second on one core."""
    null = null_model(settings)
    counts = settings.counts.tiny
    # The longest run has no repeats: it is as long as all others together.
    once = {counts[-1]: [_scan(settings, tiny_files(settings, counts[-1]), str(null))]}
    largest = max(count for count in counts if count <= _ONE_CORE_FILES)
    # One core and all cores take turns, because they are compared.
    kinds: list[tuple[int, int | None]] = [(count, None) for count in counts[:-1]]
    kinds.append((largest, 1))
    takes = {
        (count, cores): partial(_scan, settings, tiny_files(settings, count), str(null), cores)
        for count, cores in kinds
    }
    taken = interleaved(settings.counts.repeats, takes)
    one_core = taken.pop((largest, 1))
    runs = {count: done for (count, _), done in taken.items()} | once
    return {
        "peak_mb": {str(count): [done.peak_mb for done in runs[count]] for count in counts},
        "us_per_file": {
            str(count): [_windows(done, counts) for done in runs[count]] for count in counts
        },
        "one_core_files_per_s": [rate_of(done) for done in one_core],
        "all_cores_files_per_s": [rate_of(done) for done in runs[largest]],
        "models_peak_mb": _model_memory(settings),
    }


def _scan(settings: Settings, folder: Path, model: str, cores: int | None = None) -> Run:
    arguments: list[str | Path] = [command("scan-folder"), folder, "--out", "-", "--quiet"]
    return run([*arguments, "--model", model, "--device", settings.device], cores=cores)


def _windows(done: Run, counts: tuple[int, ...]) -> dict[str, float]:
    """Return microseconds per file between one count and the next, from the times of the rows.

    The first thousand rows do not count: the pipeline's window fills first, and then runs ahead.
    """
    times = dict(done.stamps)
    reached = [count for count in counts if count in times]
    return {
        f"{low}–{high}": (times[high] - times[low]) / (high - low) * 1e6
        for low, high in pairwise(reached)
    }


def rate_of(done: Run) -> float:
    """Return files per second from the first row to the last."""
    (_, begin), (lines, end) = done.stamps[1], done.stamps[-1]
    return (lines - 2) / (end - begin)


def _model_memory(settings: Settings) -> dict[str, list[float]]:
    sets = {"small": small_jpegs(settings), "camera": camera_jpegs(settings)}
    models = ["default", *([EDGE] if has_edge_model() else [])]
    takes = {
        f"{model}, {name}": partial(_scan, settings, folder, model)
        for model in models
        for name, folder in sets.items()
    }
    runs = interleaved(settings.counts.repeats, takes)
    return {name: [done.peak_mb for done in taken] for name, taken in runs.items()}
