"""Plots for ``RESULTS.md``, one PNG for each measured part."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from ..names import DEVICES, part_key, plot_name
from ..series import median

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Json = dict[str, Any]


def write_plots(parts: Json, folder: Path) -> None:
    """Draw the plots of all measured parts."""
    folder.mkdir(parents=True, exist_ok=True)
    for (name, (part, draw, columns)), device in itertools.product(PLOTS.items(), DEVICES):
        key = part_key(part, device)
        if key not in parts:
            continue
        figure, axes = plt.subplots(1, columns, figsize=(5.5 * columns, 3.6), layout="constrained")
        draw([axes] if columns == 1 else list(axes), parts[key]["measured"])
        path = folder / f"{plot_name(name, device)}.png"
        figure.savefig(path, dpi=110, metadata={"Software": ""})
        plt.close(figure)


def _bars(axes: Axes, values: Mapping[str, Sequence[float]], title: str) -> None:
    """Draw horizontal bars at the medians, with the range of the repeats."""
    names = list(values)[::-1]
    centres = [median(values[name]) for name in names]
    below = [centre - min(values[name]) for name, centre in zip(names, centres, strict=True)]
    above = [max(values[name]) - centre for name, centre in zip(names, centres, strict=True)]
    axes.barh(names, centres, xerr=[below, above], color="#4878a8", capsize=3)
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)


def _peers(axes: list[Axes], measured: Json) -> None:
    for panel, (key, title) in zip(
        axes, (("small", "500×375"), ("camera", "2–12 megapixels")), strict=True
    ):
        group = measured[key]
        rates = {
            name: [group["images"] / seconds for seconds in one["wall_s"]]
            for name, one in group["contestants"].items()
        }
        _bars(panel, rates, f"images/s, whole process, {title}")


def _stages(axes: list[Axes], measured: Json) -> None:
    together = measured["together"]
    names = list(together)[::-1]
    axes[0].barh(names, [together[name]["bound"] for name in names], color="#cccccc")
    reached = [together[name]["end_to_end"] for name in names]
    axes[0].barh(names, reached, height=0.45, color="#4878a8")
    axes[0].set_title("images/s end to end (blue) and the bound (grey)", fontsize=10)
    axes[0].tick_params(labelsize=8)


def _cores(axes: list[Axes], measured: Json) -> None:
    for what, by_cores in measured["images_per_s"].items():
        counts = [int(cores) for cores in by_cores]
        axes[0].plot(counts, [median(values) for values in by_cores.values()], "o-", label=what)
    axes[0].set_xlabel("cores")
    axes[0].set_ylabel("images/s")
    axes[0].set_ylim(bottom=0)
    axes[0].legend(fontsize=7)


def _memory(axes: list[Axes], measured: Json) -> None:
    counts = sorted(measured["peak_mb"], key=int)
    peaks = [median(measured["peak_mb"][count]) for count in counts]
    axes[0].semilogx([int(count) for count in counts], peaks, "o-")
    axes[0].set_ylim(bottom=0)
    axes[0].set_xlabel("files")
    axes[0].set_ylabel("peak memory, MB (tiny files, null model)")


def _decoders(axes: list[Axes], measured: Json) -> None:
    for panel, (name, one) in zip(axes, measured["sets"].items(), strict=True):
        _bars(panel, one["files_per_s"], f"files/s on one core, {name}")


Draw = Callable[[list[Axes], Json], None]

PLOTS: dict[str, tuple[str, Draw, int]] = {
    "peers": ("peers", _peers, 2),
    "stages": ("stages", _stages, 1),
    "cores": ("cores", _cores, 1),
    "memory": ("growth", _memory, 1),
    "decoders": ("decoders", _decoders, 2),
}
"""Plots by file name: the part, the function that draws it, and the number of panels."""
