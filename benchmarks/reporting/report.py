"""Write ``RESULTS.md`` from ``results.json`` alone."""

from ..names import CUDA, DEVICES, part_key
from .goals import outcomes
from .markdown import table
from .sections import SECTIONS, Json

_HEAD = """\
# Results

Generated from `results.json` by `python -m benchmarks`; do not edit. Figures are medians of the
repeats, ± is half the distance from the smallest to the largest. [README.md](README.md) explains
how they are taken, and how to take them again.
"""


def report(parts: Json) -> str:
    """Return the text of ``RESULTS.md``."""
    sections = [_HEAD, _goals(parts), _circumstances(parts)]
    for name, section in SECTIONS.items():
        for device in DEVICES:
            key = part_key(name, device)
            if key in parts:
                sections.append(section.text(parts[key]["measured"], device))
    return "\n".join(sections)


def _goals(parts: Json) -> str:
    rows = [(each.what, each.goal, each.measured, each.verdict) for each in outcomes(parts)]
    text = "## Goals\n\n" + table(("what", "goal", "measured", ""), rows)
    text += (
        "\nReasons for missed goals, with profiles and attempts: "
        "[README.md](README.md#where-goals-are-missed).\n"
    )
    if any(part_key(name, CUDA) in parts for name in SECTIONS):
        return text
    return text + (
        "\nThe GPU's rows are not measured yet: no GPU was available. The tests cover the code "
        "that a GPU shares with the CPU, such as several batches in flight.\n"
    )


def _circumstances(parts: Json) -> str:
    machines = sorted({_machine(part["circumstances"]) for part in parts.values()})
    rows = []
    for name, part in parts.items():
        about = part["circumstances"]
        machine = str(1 + machines.index(_machine(about)))
        # Older parts have no number of repeats.
        repeats = str(about.get("repeats", ""))
        load, command = f"{about['load']:.2f}", f"`{about['command']}`"
        # Parts of an earlier release name no models.
        models = ", ".join(f"{name} {digest}" for name, digest in about.get("models", {}).items())
        rows.append(
            (name, about["date"], machine, models or "earlier ones", repeats, load, command)
        )
    head = ("part", "date", "machine", "models", "repeats", "load before", "command")
    numbered = [f"{number}. {machine}\n" for number, machine in enumerate(machines, 1)]
    return "## Where and when\n\n" + table(head, rows) + "\n" + "".join(numbered)


def _machine(about: Json) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    accelerator = f", {about['accelerator']}" if about.get("accelerator") else ""
    return (
        f"{about['processor']}, {about['cores']} cores ({', '.join(about['features'])}), "
        f"{about['memory_gb']} GB{accelerator}; {versions}."
    )
