"""``trustthepixels study``: compare training recipes under the frozen protocol."""

from pathlib import Path
from typing import Any

import click


@click.command("study")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Takes study.json and study.md, and what a study in parts goes on from.",
)
@click.option(
    "--splits",
    type=click.Path(path_type=Path),
    required=True,
    help="CSV of file,split: the ordinary split.",
)
@click.option(
    "--external",
    type=click.Path(path_type=Path),
    required=True,
    help="Pictures that nobody trains on.",
)
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    required=True,
    help="A ResNet18's weights, from which every run starts.",
)
@click.option("--side", default=160, show_default=True, type=click.IntRange(32, 1024))
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0))
@click.option(
    "--variant",
    "names",
    multiple=True,
    help="Compare only this one; repeatable.  [default: all]",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Also show a finished model; needs --run.",
)
@click.option(
    "--run",
    "runs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Its five runs of 'train --fold'; repeatable.",
)
def study(
    data: Path,
    folder: Path,
    names: tuple[str, ...],
    weights: Path | None,
    runs: tuple[Path, ...],
    **options: Any,
) -> None:
    """Train every recipe six times on DATA's pictures and compare the results.

    One run uses the ordinary split; five runs each leave out the sources of a fold. Most recipes
    train a linear layer on frozen stages; a few fine-tune for one epoch. Runs whose results are in
    the folder are not repeated.
    """
    if (weights is None) != (not runs):
        raise click.UsageError("--weights and --run are needed together")
    from ..study import protocol, run, variants

    request = protocol.StudyRequest(data, **options)
    run.compare(request, variants.variants_by_name(names), folder, weights, runs)
    click.echo(f"wrote {folder / 'study.md'}")
