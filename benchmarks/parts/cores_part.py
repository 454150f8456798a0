"""Part ``cores``: images per second with 1 core, with 2, and so on."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from trustthepixels.infer.system.cores import available_cores

from ..inputs.pictures import camera_jpegs, small_jpegs
from ..names import CAMERA, SMALL
from ..peers.record import steady_rate
from ..processes import run, script
from ..series import interleaved
from ..settings import Settings

Json = dict[str, Any]


def measure(settings: Settings) -> Json:
    """Return rates of the default model in steady state, by image set and number of cores."""
    sets = {SMALL: small_jpegs(settings), CAMERA: camera_jpegs(settings)}
    counts = core_counts(available_cores())
    takes = {
        f"{name}|{cores}": partial(_rate, settings, folder, cores)
        for name, folder in sets.items()
        for cores in counts
    }
    taken = interleaved(settings.counts.repeats, takes)
    rates: dict[str, dict[str, list[float]]] = {}
    for key, values in taken.items():
        what, _, cores = key.rpartition("|")
        rates.setdefault(what, {})[cores] = values
    return {"images_per_s": rates}


def core_counts(available: int) -> list[int]:
    """Return 1, 2, 4 and so on, and the number of available cores; at most 16."""
    counts = [1 << power for power in range(5) if 1 << power <= available]
    return counts if counts[-1] == min(available, 16) else [*counts, min(available, 16)]


def _rate(settings: Settings, folder: Path, cores: int) -> float:
    out = settings.work / "cores.json"
    run([*script("peers.ours"), "default", folder, "--out", out, "--device", "cpu"], cores=cores)
    rate: float = steady_rate(json.loads(out.read_text())["stamps"])
    return rate
