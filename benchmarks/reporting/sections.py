"""Sections of ``RESULTS.md``, one on each part that a run can measure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..names import CPU, EARLIER, OURS, plot_name
from ..series import median
from .markdown import figure, table

Json = dict[str, Any]


def _peers(measured: Json) -> str:
    titles = {
        "small": "500×375 JPEG, whole process",
        "camera": "2 to 12 megapixels JPEG, whole process",
        "steady": "500×375 JPEG, steady state (the last three quarters of the answers)",
    }
    text = ""
    if measured["absent"]:
        text += f"Not installed: {', '.join(measured['absent'])}.\n\n"
    for key, title in titles.items():
        group = measured[key]
        rows = [
            _contestant(name, one, group["images"]) for name, one in group["contestants"].items()
        ]
        head = ("contestant", "images/s", "seconds", "CPU seconds", "MB", "largest Δp", "verdicts")
        text += f"### {title}, {group['images']} images\n\n" + table(head, rows) + "\n"
    return text + (
        "Δp and verdicts are compared with our float32 model. With equal weights in float32, a "
        "largest Δp above 0.02 makes a comparison void.\n"
    )


def _contestant(name: str, one: Json, images: int) -> tuple[str, ...]:
    rates = one.get("images_per_s") or [images / seconds for seconds in one["wall_s"]]
    agreement = one["agreement"]
    return (
        f"{name} ({one['settings']})" if one["settings"] else name,
        figure(rates),
        figure(one["wall_s"], 2),
        figure(one["cpu_s"], 2),
        figure(one["peak_mb"], 0),
        f"{agreement['largest']:.4f}" + (" **void**" if one["void"] else ""),
        f"{agreement['verdicts']:.1%}",
    )


def _earlier(measured: Json) -> str:
    rows = [
        (
            name,
            figure(by_build[OURS], 2),
            figure(by_build[EARLIER], 2),
            f"{median(by_build[OURS]) / median(by_build[EARLIER]):.2f}",
        )
        for name, by_build in measured["figures"].items()
    ]
    head = ("", "now", f"commit {measured['commit']}", "now / then")
    return "Whole processes by turns, each build with the models that it bundles.\n\n" + table(
        head, rows
    )


def _stages(measured: Json) -> str:
    names = tuple(next(iter(measured["alone"].values()))[0])
    alone = [
        (pictures, *(figure([one[name] for one in taken], 0) for name in names))
        for pictures, taken in measured["alone"].items()
    ]
    together = [
        (
            name,
            f"{one['decode_one_core']:,.1f}",
            f"{one['decode_only']:,.1f}",
            f"{one['model_only']:,.1f}",
            f"{one['bound']:,.1f}",
            f"{one['end_to_end']:,.1f}",
            f"{one['share_of_bound']:.2f}",
            f"{one['spread']:.0%}",
        )
        for name, one in measured["together"].items()
    ]
    head = ("pictures, model", "prepare, 1 core", "prepare, all", "model, all", "bound")
    return (
        "Files per second of each stage alone, in one thread. Rows written: "
        + f"{figure(measured['rows_per_s'], 0)} per second.\n\n"
        + table(("pictures", *names), alone)
        + "\nFiles per second of all stages together, as in a scan. *Prepare* is reading, decoding "
        "and resizing. The bound is 1 / (t_prepare / cores + t_model).\n\n"
        + table((*head, "end to end", "share", "spread"), together)
    )


def _start(measured: Json) -> str:
    rows = [(name, figure(values, 3)) for name, values in measured["seconds"].items()]
    return table(("", "seconds"), rows)


def _cores(measured: Json) -> str:
    rows = [
        (what, cores, figure(values), f"{median(values) / median(by_cores['1']):.2f}")
        for what, by_cores in measured["images_per_s"].items()
        for cores, values in by_cores.items()
    ]
    head = ("pictures", "cores", "images/s", "against 1 core")
    return "The default model in steady state.\n\n" + table(head, rows)


def _growth(measured: Json) -> str:
    memory = [
        (f"{int(count):,}", figure(measured["peak_mb"][count]))
        for count in sorted(measured["peak_mb"], key=int)
    ]
    memory += [(name, figure(values, 0)) for name, values in measured["models_peak_mb"].items()]
    windows: dict[str, list[float]] = {}
    for runs in measured["us_per_file"].values():
        for run in runs:
            for window, value in run.items():
                windows.setdefault(window, []).append(value)
    times = [(window, figure(values)) for window, values in windows.items()]
    rates = (
        f"Walking and bookkeeping alone: {figure(measured['one_core_files_per_s'], 0)} files/s on "
        f"one core, {figure(measured['all_cores_files_per_s'], 0)} on all.\n\n"
    )
    return (
        "Tiny files and a model that costs nothing. "
        + rates
        + table(("files", "peak MB"), memory)
        + "\n"
        + table(("files so far", "µs per file"), times)
    )


def _accuracy(measured: Json) -> str:
    titles = {"test": "test split", "external": "pictures from elsewhere"}
    rows = [
        (name, *(_share(parts[part]) for part in titles if part in parts))
        for name, parts in measured["models"].items()
    ]
    return (
        "Balanced accuracy at 0.5, with its 95 % interval. MODEL_CARD.md has the "
        "other figures.\n\n" + table(("model", *titles.values()), rows)
    )


def _share(estimate: Json) -> str:
    value, low, high = (100.0 * estimate[key] for key in ("value", "low", "high"))
    return f"{value:.1f}% ({low:.1f}–{high:.1f})"


def _decoders(measured: Json) -> str:
    height, width = measured["size"]
    text = f"Files per second on one core, from bytes to {height}×{width} pixels. The difference "
    text += "is the mean difference of the pixels (0 to 255) from a full decode.\n"
    if measured["absent"]:
        text += f"\nNot installed: {', '.join(measured['absent'])}.\n"
    for pictures, one in measured["sets"].items():
        rows = [
            (name, figure(rates), f"{one['difference'][name]:.2f}")
            for name, rates in one["files_per_s"].items()
        ]
        text += f"\n### {pictures}\n\n" + table(("decoder", "files/s", "difference"), rows)
    return text


def _fidelity(measured: Json) -> str:
    sizes, origins = measured["megapixels"], measured["origins"]
    text = (
        f"{measured['pictures']} pictures of {min(sizes):.1f} to "
        f"{max(sizes):.1f} megapixels: {origins['made']} made from the data, half of them "
        f"AI-generated, {origins.get('found', 0)} photographs as they are and "
        f"{origins.get('reduced', 0)} smaller versions of these; "
        f"{len(measured['refused'])} were refused as damaged. A decoder is safe if verdicts agree "
        "on at least 99.5 %, p_ai changes by less than 0.005 on average, and accuracy does not "
        "fall.\n"
    )
    for model, decoders in measured["models"].items():
        rows = [
            (
                name,
                f"{one['agreement']:.2%}",
                f"{one['mean_change']:.4f}",
                f"{one['largest_change']:.3f}",
                f"{one['accuracy']:.2%} / {one['accuracy_full']:.2%}",
                "safe" if one["is_safe"] else "**not safe**",
            )
            for name, one in decoders.items()
        ]
        head = ("decoder", "verdicts", "mean Δp", "largest Δp", "accuracy / in full", "")
        text += f"\n### Model '{model}'\n\n" + table(head, rows)
    return text


def _tuning(measured: Json) -> str:
    text = "One factor at a time; the defaults are in README.md.\n"
    for what, setups in measured["rates"].items():
        rows = [
            (title, figure(one["images_per_s"]), figure(one["cpu_ms_per_image"]))
            for title, one in setups.items()
        ]
        text += f"\n### {what}\n\n" + table(("setup", "images/s", "CPU ms per image"), rows)
    return text


@dataclass(frozen=True, slots=True)
class Section:
    """Section of the document on one part.

    Attributes:
        title: title of the section.
        body: makes its text from the measured figures.
        plot: name in ``plots.PLOTS``; empty if there is none.
    """

    title: str
    body: Callable[[Json], str]
    plot: str = ""

    def text(self, measured: Json, device: str) -> str:
        """Return the whole section."""
        title = self.title if device == CPU else f"{self.title}, on {device.upper()}"
        text = f"## {title}\n\n{self.body(measured)}"
        if not self.plot:
            return text
        return f"{text}\n![{self.plot}](plots/{plot_name(self.plot, device)}.png)\n"


SECTIONS = {
    "peers": Section("Next to other tools", _peers, "peers"),
    "earlier": Section("Next to an earlier build", _earlier),
    "stages": Section("Stages", _stages, "stages"),
    "start": Section("Start", _start),
    "cores": Section("Cores", _cores, "cores"),
    "growth": Section("Growth", _growth, "memory"),
    "accuracy": Section("Accuracy", _accuracy),
    "decoders": Section("Decoders", _decoders, "decoders"),
    "fidelity": Section("Fidelity of scaled decoding", _fidelity),
    "tuning": Section("Settings that were tried", _tuning),
}
