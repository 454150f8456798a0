"""Goals, and the figures that were reached, computed from the results alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..names import CAMERA, CPU, CUDA, OURS, OURS_EDGE, OURS_FP32, PIPELINE, SMALL, TIMM, part_key
from ..series import median

Json = dict[str, Any]
"""``results.json``: parts by name."""

TOLERANCE = 0.05
"""Largest relative difference of figures that count as equal."""

_NOT_MEASURED = (KeyError, IndexError, StopIteration)


class VoidError(Exception):
    """The answers of the contestants differ."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal for a figure.

    Attributes:
        what: name of the figure.
        limit: value to reach; ``None`` if the figure is only shown.
        measured: computes the figure from the results; raises ``KeyError`` if they do not have it.
        unit: unit after both figures.
        at_most: true if the limit is an upper one.
        digits: digits after the point.
    """

    what: str
    limit: float | None
    measured: Callable[[Json], float]
    unit: str = ""
    at_most: bool = False
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """A goal and its measured figure, as texts."""

    what: str
    goal: str
    measured: str
    verdict: str


def outcomes(parts: Json) -> list[Outcome]:
    """Return the outcome of all goals."""
    return [_outcome(goal, parts) for goal in GOALS]


def _outcome(goal: Goal, parts: Json) -> Outcome:
    sign = "≤" if goal.at_most else "≥"
    wanted = "–" if goal.limit is None else f"{sign} {goal.limit:g}{goal.unit}"
    try:
        value = goal.measured(parts)
    except _NOT_MEASURED:
        return Outcome(goal.what, wanted, "not measured", "–")
    except VoidError:
        return Outcome(goal.what, wanted, "void: the answers differ", "–")
    return Outcome(goal.what, wanted, f"{value:.{goal.digits}f}{goal.unit}", _verdict(goal, value))


def _verdict(goal: Goal, value: float) -> str:
    if goal.limit is None:
        return "–"
    reached = value <= goal.limit if goal.at_most else value >= goal.limit
    return "reached" if reached else "missed"


def _measured(parts: Json, part: str, device: str = CPU) -> Json:
    found: Json = parts[part_key(part, device)]["measured"]
    return found


def _share_of_bound(which: str, device: str = CPU) -> Callable[[Json], float]:
    def share(parts: Json) -> float:
        return float(_measured(parts, "stages", device)["together"][which]["share_of_bound"])

    return share


def _times_faster(pictures: str, ours: str, peer: str) -> Callable[[Json], float]:
    """Return the peer's wall time over ours, for whole processes."""

    def ratio(parts: Json) -> float:
        contestants = _contestants(parts, pictures, (ours, peer))
        return median(contestants[peer]["wall_s"]) / median(contestants[ours]["wall_s"])

    return ratio


def _steady_ratio(ours: str, peer: str, device: str = CPU) -> Callable[[Json], float]:
    def ratio(parts: Json) -> float:
        found = _contestants(parts, "steady", (ours, peer), device)
        return median(found[ours]["images_per_s"]) / median(found[peer]["images_per_s"])

    return ratio


def _contestants(parts: Json, pictures: str, names: Sequence[str], device: str = CPU) -> Json:
    found: Json = _measured(parts, "peers", device)[pictures]["contestants"]
    if any(found[name]["void"] for name in names):
        raise VoidError
    return found


def _edge_ratio(parts: Json) -> float:
    together = _measured(parts, "stages")["together"]
    edge, default = together[f"{SMALL}, edge"], together[f"{SMALL}, default"]
    return float(edge["end_to_end"] / default["end_to_end"])


def _edge_loss(pictures: str) -> Callable[[Json], float]:
    """Return the edge model's loss in points of balanced accuracy."""

    def loss(parts: Json) -> float:
        models = _measured(parts, "accuracy")["models"]
        default, edge = (models[name][pictures]["value"] for name in ("default", "edge"))
        return 100.0 * float(default - edge)

    return loss


def _seconds(which: str) -> Callable[[Json], float]:
    return lambda parts: median(_measured(parts, "start")["seconds"][which])


def _model_memory(parts: Json) -> float:
    peaks = _measured(parts, "growth")["models_peak_mb"]
    return max(median(peaks["default, small"]), median(peaks["default, camera"]))


def _memory_growth(parts: Json) -> float:
    peaks = _measured(parts, "growth")["peak_mb"]
    medians = [median(peaks[count]) for count in sorted(peaks, key=int)]
    return max(medians) / medians[0] - 1.0


def _time_growth(parts: Json) -> float:
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


def _one_core_rate(parts: Json) -> float:
    return median(_measured(parts, "growth")["one_core_files_per_s"])


def _all_cores_ratio(pictures: str) -> Callable[[Json], float]:
    """Return the rate on all cores over that on one core."""

    def ratio(parts: Json) -> float:
        by_cores = _measured(parts, "cores")["images_per_s"][pictures]
        return median(by_cores[max(by_cores, key=int)]) / median(by_cores["1"])

    return ratio


GOALS = (
    Goal(f"end to end / bound, {SMALL}, default", 0.95, _share_of_bound(f"{SMALL}, default")),
    Goal(f"end to end / bound, {CAMERA}, default", 0.95, _share_of_bound(f"{CAMERA}, default")),
    Goal(f"end to end / bound, {SMALL}, edge", 0.95, _share_of_bound(f"{SMALL}, edge")),
    Goal(
        f"end to end / slower stage, on CUDA, {SMALL}, default",
        0.9,
        _share_of_bound(f"{SMALL}, default", CUDA),
    ),
    Goal(
        f"end to end / slower stage, on CUDA, {CAMERA}, default",
        0.9,
        _share_of_bound(f"{CAMERA}, default", CUDA),
    ),
    Goal(f"all cores against one core, {SMALL}", None, _all_cores_ratio(SMALL), "×"),
    Goal(f"all cores against one core, {CAMERA}", None, _all_cores_ratio(CAMERA), "×"),
    Goal(
        f"{SMALL}: default model against transformers' pipeline",
        4.2,
        _times_faster("small", OURS, PIPELINE),
        "×",
    ),
    Goal(
        f"{SMALL}: edge model against transformers' pipeline",
        12,
        _times_faster("small", OURS_EDGE, PIPELINE),
        "×",
    ),
    Goal(
        f"{CAMERA}: default model against transformers' pipeline",
        7,
        _times_faster("camera", OURS, PIPELINE),
        "×",
    ),
    Goal(
        f"{SMALL}: float32 against transformers' pipeline in float32",
        2.4,
        _times_faster("small", OURS_FP32, PIPELINE),
        "×",
    ),
    Goal(
        f"{CAMERA}: float32 against transformers' pipeline in float32",
        2.4,
        _times_faster("camera", OURS_FP32, PIPELINE),
        "×",
    ),
    Goal(
        "steady state: default model against a timm-style loop", 2.5, _steady_ratio(OURS, TIMM), "×"
    ),
    Goal("the same on CUDA", 2, _steady_ratio(OURS, TIMM, CUDA), "×"),
    Goal(f"edge model against default model, end to end, {SMALL}", 3, _edge_ratio, "×"),
    Goal("edge: balanced accuracy lost, test", 1, _edge_loss("test"), " points", at_most=True),
    Goal(
        "edge: balanced accuracy lost, pictures from elsewhere",
        1,
        _edge_loss("external"),
        " points",
        at_most=True,
    ),
    Goal("start to first row, warm", 1.0, _seconds("first row, default"), " s", at_most=True),
    Goal("scan-folder --help", 0.2, _seconds("scan-folder --help"), " s", at_most=True),
    Goal("trustthepixels --help", 0.2, _seconds("trustthepixels --help"), " s", at_most=True),
    Goal("peak memory, default model", 600, _model_memory, " MB", at_most=True, digits=0),
    Goal("memory: most against 1,000 files, less 1", TOLERANCE, _memory_growth, "", at_most=True),
    Goal("walking and bookkeeping on one core", 5000, _one_core_rate, " files/s", digits=0),
    Goal("time per file: growth to 100,000 files", TOLERANCE, _time_growth, "", at_most=True),
)
