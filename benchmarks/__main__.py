"""``python -m benchmarks``: measure, then write ``results.json``, ``RESULTS.md`` and the plots."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import click

from .inputs.models import default_weights
from .names import CUDA, DEVICES, part_key
from .parts.registry import EARLIER_PART, PARTS, PEERS, chosen_parts
from .reporting.plots import write_plots
from .reporting.report import report
from .reporting.results import circumstances, load, store
from .settings import HERE, ON_CUDA, QUICK, Counts, Settings


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    help="Labelled pictures with a manifest.csv; the inputs are made from them.",
)
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="A folder of large photographs, for the fidelity of decoders; repeatable.",
)
@click.option(
    "--earlier",
    type=click.Path(path_type=Path, exists=True),
    metavar="CHECKOUT",
    help="Compare with the scanner of this checkout of an earlier commit, too.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir(), "trustthepixels-benchmarks"),
    show_default=True,
    help="Folder for inputs and models; kept between runs.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=HERE,
    show_default="benchmarks/",
    help="Folder for results.json, RESULTS.md and plots/.",
)
@click.option(
    "--only",
    type=click.Choice([*PARTS, "report"]),
    multiple=True,
    help="Measure this part only; repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="Measure all parts, the slow ones too.")
@click.option(
    "--skip",
    type=click.Choice(list(PARTS)),
    multiple=True,
    help="Leave this part out; repeatable.",
)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("--repeats", type=click.IntRange(min=1))
@click.option("--quick", is_flag=True, help="Take few pictures: a trial run without figures.")
def main(
    data: Path | None,
    photos: tuple[Path, ...],
    earlier: Path | None,
    work: Path,
    out: Path,
    only: tuple[str, ...],
    everything: bool,
    skip: tuple[str, ...],
    device: str,
    repeats: int | None,
    quick: bool,
) -> None:
    """Measure the scanner next to its peers; parts that are not measured keep their old figures."""
    if everything and only:
        raise click.UsageError("--all and --only exclude each other")
    try:
        chosen = chosen_parts(only, skip, everything=everything, device=device)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if chosen and data is None:
        raise click.UsageError("--data is missing; only '--only report' runs without it")
    if EARLIER_PART in chosen and earlier is None:
        raise click.UsageError(
            f"--earlier is missing; the part {EARLIER_PART} compares with it. "
            f"Or use --skip {EARLIER_PART}"
        )
    work.mkdir(parents=True, exist_ok=True)
    counts = QUICK if quick else ON_CUDA if device == CUDA else Counts()
    settings = Settings(data or Path(), photos, work, device=device, counts=counts)
    settings = replace(settings.with_repeats(repeats), earlier=earlier)
    if PEERS in chosen:
        settings = replace(settings, weights=default_weights(work))
    results = out / "results.json"
    for name in chosen:
        part, start = PARTS[name], time.perf_counter()
        about = circumstances(device, part.repeats(settings))
        measured = part.measure(settings)
        click.echo(f"{name}: {time.perf_counter() - start:.0f} s", err=True)
        store(results, part_key(name, device), about, measured)
    parts = load(results)
    write_plots(parts, out / "plots")
    (out / "RESULTS.md").write_text(report(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
