"""Figures that are computed from the results alone.

Each raises ``KeyError``, ``IndexError`` or ``StopIteration`` if the results do not have it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..names import CAMERA, CPU, OURS, SMALL, part_key
from ..series import median

Json = dict[str, Any]
"""``results.json``: parts by name."""

TOLERANCE = 0.05
"""Largest relative difference of figures that count as equal."""


class VoidError(Exception):
    """The answers of the contestants differ."""


def _measured(parts: Json, part: str, device: str = CPU) -> Json:
    found: Json = parts[part_key(part, device)]["measured"]
    return found


def share_of_bound(which: str, device: str = CPU) -> Callable[[Json], float]:
    def share(parts: Json) -> float:
        return float(_measured(parts, "stages", device)["together"][which]["share_of_bound"])

    return share


def times_faster(pictures: str, ours: str, peer: str) -> Callable[[Json], float]:
    """Return the peer's wall time over ours, for whole processes."""

    def ratio(parts: Json) -> float:
        contestants = _contestants(parts, pictures, (ours, peer))
        return median(contestants[peer]["wall_s"]) / median(contestants[ours]["wall_s"])

    return ratio


def steady_ratio(ours: str, peer: str, device: str = CPU) -> Callable[[Json], float]:
    def ratio(parts: Json) -> float:
        found = _contestants(parts, "steady", (ours, peer), device)
        return median(found[ours]["images_per_s"]) / median(found[peer]["images_per_s"])

    return ratio


def _contestants(parts: Json, pictures: str, names: Sequence[str], device: str = CPU) -> Json:
    found: Json = _measured(parts, "peers", device)[pictures]["contestants"]
    if any(found[name]["void"] for name in names):
        raise VoidError
    return found


def edge_ratio(parts: Json) -> float:
    together = _measured(parts, "stages")["together"]
    edge, default = together[f"{SMALL}, edge"], together[f"{SMALL}, default"]
    return float(edge["end_to_end"] / default["end_to_end"])


def edge_loss(pictures: str) -> Callable[[Json], float]:
    """Return the edge model's loss in points of balanced accuracy."""

    def loss(parts: Json) -> float:
        models = _measured(parts, "accuracy")["models"]
        default, edge = (models[name][pictures]["value"] for name in ("default", "edge"))
        return 100.0 * float(default - edge)

    return loss


def seconds(which: str) -> Callable[[Json], float]:
    return lambda parts: median(_measured(parts, "start")["seconds"][which])


def model_memory(parts: Json) -> float:
    peaks = _measured(parts, "growth")["models_peak_mb"]
    return max(median(peaks["default, small"]), median(peaks["default, camera"]))


def memory_growth(parts: Json) -> float:
    peaks = _measured(parts, "growth")["peak_mb"]
    medians = [median(peaks[count]) for count in sorted(peaks, key=int)]
    return max(medians) / medians[0] - 1.0


def time_growth(parts: Json) -> float:
    """Return the growth of time per file: largest over smallest, less 1.

    The time is taken between 1,000 and 10,000 files, and between 10,000 and 100,000.
    """
    windows = _measured(parts, "growth")["us_per_file"]
    by_window: dict[str, list[float]] = {}
    for runs in windows.values():
        for run in runs:
            for window, microseconds in run.items():
                if int(window.partition("–")[2]) <= 100_000:
                    by_window.setdefault(window, []).append(microseconds)
    medians = [median(values) for values in by_window.values()]
    if len(medians) < 2:
        raise KeyError("windows")
    return max(medians) / min(medians) - 1.0


def bookkeeping_ratio(parts: Json) -> float:
    """Return the rate of bookkeeping on all cores over that on one core."""
    figures = _measured(parts, "earlier")["figures"]
    one, every = (
        median(figures[f"bookkeeping, {cores}: files/s"][OURS]) for cores in ("1 core", "all cores")
    )
    return every / one


def memory_of_many_threads(parts: Json) -> float:
    figures = _measured(parts, "earlier")["figures"]
    return median(figures["peak memory, default, camera files, 16 threads: MB"][OURS])


def decode_ms(parts: Json) -> float:
    """Return the processor time in which one core reads, decodes and resizes a camera picture."""
    together = _measured(parts, "stages")["together"]
    return 1e3 / float(together[f"{CAMERA}, default"]["decode_one_core"])


def sixteen_cores_ratio(parts: Json) -> float:
    by_cores = _measured(parts, "cores")["images_per_s"][SMALL]
    return median(by_cores["16"]) / median(by_cores["1"])


def one_core_rate(parts: Json) -> float:
    return median(_measured(parts, "growth")["one_core_files_per_s"])


def all_cores_ratio(pictures: str) -> Callable[[Json], float]:
    """Return the rate on all cores over that on one core."""

    def ratio(parts: Json) -> float:
        by_cores = _measured(parts, "cores")["images_per_s"][pictures]
        return median(by_cores[max(by_cores, key=int)]) / median(by_cores["1"])

    return ratio
