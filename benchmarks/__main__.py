"""``python -m benchmarks``: measure, then write ``results.json``, ``RESULTS.md`` and the plots."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from . import (
    accuracy_part,
    cores_part,
    decoder_part,
    fidelity_part,
    growth_part,
    peer_part,
    stage_part,
    start_part,
    tuning_part,
)
from .plots import write_plots
from .report import report
from .results import circumstances, load, store
from .settings import HERE, QUICK, Settings

PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "peers": peer_part.measure,
    "stages": stage_part.measure,
    "start": start_part.measure,
    "cores": cores_part.measure,
    "growth": growth_part.measure,
    "accuracy": accuracy_part.measure,
    "decoders": decoder_part.measure,
    "fidelity": fidelity_part.measure,
    "tuning": tuning_part.measure,
}

SLOW = ("fidelity", "tuning")
"""Measured only when they are asked for: speed hardly matters to the one, and the other is done."""


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    help="Labelled pictures with a manifest.csv, from which the inputs are made.",
)
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="A folder of further large photographs, for the fidelity of decoders; repeatable.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("/tmp/trustthepixels-benchmarks"),
    show_default=True,
    help="Where inputs and models are made; kept between runs.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=HERE,
    show_default="benchmarks/",
    help="Where results.json, RESULTS.md and plots/ go.",
)
@click.option("--only", type=click.Choice([*PARTS, "report"]), multiple=True, help="Repeatable.")
@click.option("--skip", type=click.Choice(list(PARTS)), multiple=True, help="Repeatable.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--repeats", type=click.IntRange(min=1))
@click.option("--quick", is_flag=True, help="Few pictures: shows that all works, not how fast.")
def main(
    data: Path | None,
    photos: tuple[Path, ...],
    work: Path,
    out: Path,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    device: str,
    repeats: int | None,
    quick: bool,
) -> None:
    """Measure the scanner beside its peers; what is not measured now keeps its old figures."""
    usual = [name for name in PARTS if name not in SLOW]
    chosen = [name for name in only or usual if name not in skip and name != "report"]
    if chosen and data is None:
        raise click.UsageError("--data is needed to measure anything")
    work.mkdir(parents=True, exist_ok=True)
    settings = Settings(data or Path(), photos, work, device=device)
    if quick:
        settings = replace(settings, counts=QUICK)
    settings = settings.with_repeats(repeats)
    results = out / "results.json"
    for name in chosen:
        about, start = circumstances(), time.perf_counter()
        measured = PARTS[name](settings)
        click.echo(f"{name}: {time.perf_counter() - start:.0f} s", err=True)
        store(results, name, about, measured)
    parts = load(results)
    write_plots(parts, out / "plots")
    (out / "RESULTS.md").write_text(report(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
