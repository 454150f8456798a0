"""Look of all plots: colours, sizes, titles, axes, legends, and figures as words."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..metrics.bootstrap import Estimate

COLOURS = {"ai": "#d1495b", "real": "#2e7ebb"}
"""Colours of the classes: different in hue and lightness, also for colour-blind readers."""

NAMES = {"ai": "AI picture", "real": "photograph"}
GREY = "#5f6368"
INK = "#202124"
BAND = "#c9ced6"
DPI = 140
WIDTH, HEIGHT = 6.4, 4.8
"""Inches of one column of the page; every plot has this height there."""


def legend_below(figure: Figure, *panels: Axes) -> None:
    """Put one legend under the panels, where no curve can cross it."""
    entries: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries.update(zip(labels, handles, strict=True))
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=8 if len(panels) == 1 else 2,
        frameon=False,
        fontsize=9,
    )


def interval(estimate: Estimate) -> str:
    """Return an estimate with its interval, as text."""
    if math.isnan(estimate.low):
        return "undefined" if math.isnan(estimate.value) else f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def share(estimate: Estimate) -> str:
    """Return an estimate as a percentage."""
    return "undefined" if math.isnan(estimate.value) else f"{estimate.value:.1%}"


def add_title(figure: Figure, kind: str, subject: str) -> None:
    """Put the kind of plot and its subject above a figure."""
    figure.suptitle(f"{kind}: {subject}", fontsize=12, x=0.01, ha="left")


def show_percent(*sides: object) -> None:
    """Label the ticks of axes, 0 to 1, as percentages."""
    for side in sides:
        side.set_major_formatter(PercentFormatter(1.0, decimals=None))  # type: ignore[attr-defined]


def clean(axes: Axes) -> None:
    """Leave out the frame's upper and right side, and put a grid behind."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
