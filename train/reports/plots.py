"""Plots: ROC curve, reliability diagram, histogram, and the tiers side by side."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from ..arrays import BoolArray, FloatArray
from ..evaluation.figures import Evaluation
from ..evaluation.measurement import Measurement
from ..evaluation.predictions import Answers, answers_of
from ..metrics.bootstrap import Share, bootstrap
from ..metrics.detector import CALIBRATION_BINS, calibration_bins, true_positive_rate_at
from .style import (
    BAND,
    COLOURS,
    DPI,
    GREY,
    HEIGHT,
    INK,
    NAMES,
    WIDTH,
    add_title,
    clean,
    interval,
    legend_below,
    share,
    show_percent,
)

_BAND_RESAMPLES = 200
_LOWEST_RATE = 1e-3


def draw_roc(evaluation: Evaluation, title: str, path: Path) -> None:
    """Draw the ROC curve with its 95% band, whole and at low false positive rates.

    Where every fold has its own model, each has its own curve, without a band.
    """
    answers = answers_of(evaluation.predictions)
    figure = Figure(figsize=(2 * WIDTH, HEIGHT), layout="constrained")
    add_title(figure, "ROC curve", title)
    whole, low = figure.subplots(1, 2)
    folds = np.unique(answers.folds)
    if len(folds) > 1:
        for fold in folds:
            _curve((whole, low), answers, answers.folds == fold, f"fold {fold}")
    elif answers.is_ai.any() and not answers.is_ai.all():
        spaced = np.geomspace(_LOWEST_RATE, 1.0, 50), np.linspace(0.0, 1.0, 30)
        rates = np.unique(np.concatenate(spaced))
        band = bootstrap(
            {str(rate): true_positive_rate_at(rate, answers.p_ai, answers.is_ai) for rate in rates},
            answers.groups,
            _BAND_RESAMPLES,
        )
        limits = [(band[str(rate)].low, band[str(rate)].high) for rate in rates]
        lower, upper = zip(*limits, strict=True)
        for axes in (whole, low):
            axes.fill_between(rates, lower, upper, color=BAND, alpha=0.6, lw=0, label="95% band")
            _mark_operating_point(axes, evaluation)
        _curve((whole, low), answers, np.ones_like(answers.is_ai), "model", color=INK)
    diagonal = np.geomspace(_LOWEST_RATE, 1.0, 100)
    for axes in (whole, low):
        axes.plot(diagonal, diagonal, color=GREY, lw=1, ls=":", label="chance")
        show_percent(axes.xaxis, axes.yaxis)
        axes.set(ylim=(0, 1.005), xlabel="photographs called AI (false positive rate)")
        clean(axes)
    whole.set(xlim=(-0.005, 1), ylabel="AI pictures found (true positive rate)")
    whole.set_title(f"AUC {interval(evaluation.metrics['auc'])}", fontsize=10, loc="left")
    low.set(xscale="log", xlim=(_LOWEST_RATE, 1))
    low.set_xticks([_LOWEST_RATE, 0.01, 0.05, 0.1, 1.0])
    low.minorticks_off()
    low.xaxis.set_major_formatter(lambda rate, _: f"{100 * rate:g}%")
    for rate in (0.01, 0.05):
        low.axvline(rate, color=GREY, lw=0.8, ls="--")
    one, five = (share(evaluation.metrics[f"tpr_at_fpr_{rate}pct"]) for rate in (1, 5))
    low.set_title(f"true positive rate {one} at 1%, {five} at 5%", fontsize=10, loc="left")
    legend_below(figure, whole)
    figure.savefig(path, dpi=DPI)


def draw_reliability(evaluation: Evaluation, title: str, path: Path) -> None:
    """Draw the share of AI pictures in each bin of ``p_ai``, and how many pictures are in it."""
    answers = answers_of(evaluation.predictions)
    p_ai, ai, groups = answers.p_ai, answers.is_ai, answers.groups
    bins = calibration_bins(p_ai)
    filled = [index for index in range(CALIBRATION_BINS) if (bins == index).any()]
    shares = bootstrap({str(index): Share(ai, bins == index) for index in filled}, groups)
    centres = np.array([p_ai[bins == index].mean() for index in filled])
    observed = [shares[str(index)] for index in filled]
    values = np.array([estimate.value for estimate in observed])
    lower = values - [estimate.low for estimate in observed]
    upper = [estimate.high for estimate in observed] - values

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    add_title(figure, "Reliability", title)
    curve, counts = figure.subplots(2, 1, height_ratios=(4, 1.3), sharex=True)
    curve.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":", label="perfect calibration")
    curve.errorbar(
        centres,
        values,
        yerr=np.clip([lower, upper], 0.0, None),
        fmt="o",
        color=INK,
        ecolor=BAND,
        elinewidth=3,
        markersize=5,
        label="model, with 95% intervals",
    )
    for first, second in trusted_steps([int((bins == index).sum()) for index in filled]):
        curve.plot(centres[[first, second]], values[[first, second]], color=INK, lw=1.4)
    error = interval(evaluation.metrics["expected_calibration_error"])
    curve.set_title(f"expected calibration error {error}", fontsize=10, loc="left")
    curve.set(ylim=(-0.02, 1.02), ylabel="share of AI pictures")
    _stack(counts, p_ai, ai, CALIBRATION_BINS)
    legend_below(figure, curve, counts)
    counts.set(xlim=(-0.01, 1.01), xlabel="p_ai, the calibrated probability", ylabel="pictures")
    for axes in (curve, counts):
        clean(axes)
    show_percent(curve.yaxis)
    figure.savefig(path, dpi=DPI)


def trusted_steps(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Return neighbours among the filled bins that a line may join.

    A bin of one picture is 0 % or 100 %, so a line to it would show noise.

    Args:
        counts: pictures in each filled bin.
    """
    pairs = zip(range(len(counts)), range(1, len(counts)), strict=False)
    return [pair for pair in pairs if min(counts[pair[0]], counts[pair[1]]) > 1]


def draw_histogram(evaluation: Evaluation, title: str, path: Path) -> None:
    """Draw how ``p_ai`` is spread over photographs and AI pictures, with the verdicts' regions."""
    answers = answers_of(evaluation.predictions)
    p_ai, ai = answers.p_ai, answers.is_ai
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    add_title(figure, "Scores by class", title)
    panels = dict(zip(("ai", "real"), figure.subplots(2, 1, sharex=True), strict=True))
    rule = evaluation.rule
    for label, axes in panels.items():
        chosen = p_ai[ai if label == "ai" else ~ai]
        axes.hist(chosen, bins=np.linspace(0, 1, 41).tolist(), color=COLOURS[label], rwidth=0.92)
        if rule is not None:
            axes.axvspan(rule.real, rule.ai, color=BAND, alpha=0.35, lw=0, zorder=0)
            for threshold in (rule.real, rule.ai):
                axes.axvline(threshold, color=GREY, lw=0.9, ls="--")
        tally = evaluation.verdicts[label]
        shares = ", ".join(
            f"{count / max(1, len(chosen)):.0%} {verdict}" for verdict, count in tally.items()
        )
        axes.set_title(f"{len(chosen)} {NAMES[label]}s: {shares}", fontsize=10, loc="left")
        axes.set(xlim=(0, 1), ylabel="pictures")
        clean(axes)
    region = "" if rule is None else "; the grey region is 'unsure'"
    panels["real"].set_xlabel(f"p_ai, the calibrated probability{region}")
    figure.savefig(path, dpi=DPI)


def draw_tiers(measurements: Sequence[Measurement], path: Path) -> None:
    """Draw the main figures of one part of the data side by side for each tier."""
    figure = Figure(figsize=(9.6, 0.9 + 0.34 * len(measurements) + 0.9), layout="constrained")
    add_title(figure, "Tiers", measurements[0].part.title)
    rows = np.arange(len(measurements))
    panels = figure.subplots(1, len(_BY_TIER), sharey=True)
    for axes, (name, title) in zip(panels, _BY_TIER.items(), strict=True):
        estimates = [one.evaluation.metrics[name] for one in measurements]
        values = np.array([estimate.value for estimate in estimates])
        low = values - [estimate.low for estimate in estimates]
        high = np.array([estimate.high for estimate in estimates]) - values
        spread = np.nan_to_num(np.clip([low, high], 0.0, None))
        axes.errorbar(
            values, rows, xerr=spread, fmt="o", color=INK, ecolor=BAND, elinewidth=4, ms=6
        )
        axes.set_title(title, fontsize=10, loc="left")
        end = 1.0
        if name == "false_positive_rate_verdict":
            end = max(0.05, 1.1 * float(np.nan_to_num(values + spread[1]).max()))
        axes.set(xlim=(-0.02 * end, 1.02 * end), ylim=(len(rows) - 0.5, -0.5))
        axes.set_yticks(rows, [one.tier for one in measurements])
        show_percent(axes.xaxis)
        clean(axes)
    figure.savefig(path, dpi=DPI)


_BY_TIER = {
    "balanced_accuracy": "balanced accuracy",
    "auc": "area under ROC",
    "false_positive_rate_verdict": "photographs called ai",
    "coverage": "coverage",
}


def _curve(
    panels: Iterable[Axes], answers: Answers, chosen: BoolArray, label: str, **style: Any
) -> None:
    ai = answers.is_ai[chosen]
    if not ai.any() or ai.all():
        return
    fpr, tpr, _ = roc_curve(ai, answers.p_ai[chosen], drop_intermediate=False)
    for axes in panels:
        axes.plot(fpr, tpr, lw=1.8, drawstyle="steps-post", label=label, **style)


def _mark_operating_point(axes: Axes, evaluation: Evaluation) -> None:
    if evaluation.rule is None:
        return
    # A logarithmic axis has no place for 0, so the mark stays at its edge.
    x = max(_LOWEST_RATE, evaluation.metrics["false_positive_rate_verdict"].value)
    y = evaluation.metrics["true_positive_rate_verdict"].value
    axes.plot(
        [x], [y], "o", color=COLOURS["ai"], markersize=8, markeredgecolor="white",
        label=f"verdict ai (p_ai ≥ {evaluation.rule.ai:.2f})", zorder=5, clip_on=False,
    )  # fmt: skip


def _stack(axes: Axes, p_ai: FloatArray, ai: BoolArray, bins: int) -> None:
    edges = np.linspace(0.0, 1.0, bins + 1).tolist()
    axes.hist(
        [p_ai[~ai], p_ai[ai]],
        bins=edges,
        stacked=True,
        color=[COLOURS["real"], COLOURS["ai"]],
        label=[NAMES["real"], NAMES["ai"]],
        rwidth=0.9,
    )
