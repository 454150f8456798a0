"""Goals, and whether the figures reach them."""

from collections.abc import Callable
from dataclasses import dataclass

from ..names import (
    CAMERA,
    CUDA,
    EARLIER,
    EARLIER_EDGE,
    OURS,
    OURS_EDGE,
    OURS_FP32,
    PIPELINE,
    SMALL,
    TIMM,
)
from .figures import (
    TOLERANCE,
    Json,
    VoidError,
    all_cores_ratio,
    bookkeeping_ratio,
    decode_ms,
    edge_loss,
    edge_ratio,
    memory_growth,
    memory_of_many_threads,
    model_memory,
    one_core_rate,
    seconds,
    share_of_bound,
    sixteen_cores_ratio,
    steady_ratio,
    time_growth,
    times_faster,
)

_NOT_MEASURED = (KeyError, IndexError, StopIteration)


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


GOALS = (
    Goal(f"end to end / bound, {SMALL}, default", 0.95, share_of_bound(f"{SMALL}, default")),
    Goal(f"end to end / bound, {CAMERA}, default", 0.95, share_of_bound(f"{CAMERA}, default")),
    Goal(f"end to end / bound, {SMALL}, edge", 0.96, share_of_bound(f"{SMALL}, edge")),
    Goal(
        f"end to end / slower stage, on CUDA, {SMALL}, default",
        0.9,
        share_of_bound(f"{SMALL}, default", CUDA),
    ),
    Goal(
        f"end to end / slower stage, on CUDA, {CAMERA}, default",
        0.9,
        share_of_bound(f"{CAMERA}, default", CUDA),
    ),
    Goal(f"16 cores against one core, default, {SMALL}", 12, sixteen_cores_ratio, "×"),
    Goal(f"all cores against one core, {SMALL}", None, all_cores_ratio(SMALL), "×"),
    Goal(f"all cores against one core, {CAMERA}", None, all_cores_ratio(CAMERA), "×"),
    Goal(
        f"{SMALL}: default model against transformers' pipeline",
        4.8,
        times_faster("small", OURS, PIPELINE),
        "×",
    ),
    Goal(
        f"{SMALL}: edge model against transformers' pipeline",
        12,
        times_faster("small", OURS_EDGE, PIPELINE),
        "×",
    ),
    Goal(
        f"{CAMERA}: default model against transformers' pipeline",
        7,
        times_faster("camera", OURS, PIPELINE),
        "×",
    ),
    Goal(
        f"{CAMERA}: default model against commit aafc31a",
        1.7,
        times_faster("camera", OURS, EARLIER),
        "×",
    ),
    Goal(
        f"{CAMERA}: edge model against commit aafc31a",
        2,
        times_faster("camera", OURS_EDGE, EARLIER_EDGE),
        "×",
    ),
    Goal(
        f"{SMALL}: default model against commit aafc31a",
        None,
        times_faster("small", OURS, EARLIER),
        "×",
    ),
    Goal(
        f"{SMALL}: edge model against commit aafc31a",
        None,
        times_faster("small", OURS_EDGE, EARLIER_EDGE),
        "×",
    ),
    Goal(
        f"{CAMERA}: processor time to read, decode and resize, default",
        24,
        decode_ms,
        " ms",
        at_most=True,
        digits=1,
    ),
    Goal(
        f"{SMALL}: float32 against transformers' pipeline in float32",
        2.4,
        times_faster("small", OURS_FP32, PIPELINE),
        "×",
    ),
    Goal(
        f"{CAMERA}: float32 against transformers' pipeline in float32",
        2.4,
        times_faster("camera", OURS_FP32, PIPELINE),
        "×",
    ),
    Goal(
        "steady state: default model against a timm-style loop", 2.5, steady_ratio(OURS, TIMM), "×"
    ),
    Goal("the same on CUDA", 2, steady_ratio(OURS, TIMM, CUDA), "×"),
    Goal(f"edge model against default model, end to end, {SMALL}", 3, edge_ratio, "×"),
    Goal("edge: balanced accuracy lost, test", 1, edge_loss("test"), " points", at_most=True),
    Goal(
        "edge: balanced accuracy lost, pictures from elsewhere",
        1,
        edge_loss("external"),
        " points",
        at_most=True,
    ),
    Goal("start to first row, warm", 0.45, seconds("first row, default"), " s", at_most=True),
    Goal("scan-folder --help", 0.1, seconds("scan-folder --help"), " s", at_most=True),
    Goal("trustthepixels --help", 0.1, seconds("trustthepixels --help"), " s", at_most=True),
    Goal("peak memory, default model", 600, model_memory, " MB", at_most=True, digits=0),
    Goal(
        "peak memory, default model, camera files, 16 threads",
        600,
        memory_of_many_threads,
        " MB",
        at_most=True,
        digits=0,
    ),
    Goal("memory: most against 1,000 files, less 1", TOLERANCE, memory_growth, "", at_most=True),
    Goal("walking and bookkeeping on one core", 5000, one_core_rate, " files/s", digits=0),
    Goal("the same on two cores against one core", 1.7, bookkeeping_ratio, "×"),
    Goal("time per file: growth to 100,000 files", TOLERANCE, time_growth, "", at_most=True),
)
