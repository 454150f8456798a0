"""``trustthepixels predict``: the verdict on single pictures, in words or as a figure."""

import secrets
from pathlib import Path
from typing import Any

import click

from ..choices import Device
from ..errors import ExitCode, OutputError
from ..system.terminal import note
from .options import request_options
from .terminal import quiet_decoders

_FIGURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_LARGEST_FIGURE = 24


@click.command()
@click.argument("images", nargs=-1, type=click.Path(path_type=Path), metavar="[IMAGE]...")
@click.option(
    "--random",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pick N pictures at random from the labelled folder DIR.",
)
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder with AI/ and Real/, or with a manifest.csv of the columns file and class.",
)
@click.option("--seed", type=int, help="Pick the same pictures again.  [default: others each time]")
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw the pictures side by side with their verdicts (png, jpg or webp).",
)
@click.option("--force", is_flag=True, help="Replace an existing figure.")
@click.option(
    "--json",
    "is_json",
    is_flag=True,
    help="Print one JSON object for each picture: the row of 'scan-folder --format jsonl', and the "
    "label where it is known.",
)
@request_options("model", "device", "false_positive_rate", "threshold", "unsure", "threads")
@request_options("provenance", "trust_list")
@click.pass_context
def predict(
    context: click.Context,
    /,
    images: tuple[Path, ...],
    count: int | None,
    folder: Path | None,
    seed: int | None,
    figure: Path | None,
    force: bool,
    is_json: bool,
    model: str,
    device: Device,
    provenance: bool,
    trust_list: str | None,
    **options: Any,
) -> None:
    """Print the verdict and the probability of AI generation for each IMAGE.

    Exit codes: 0 success; 1 done, but some pictures could not be judged, and their lines give the
    reason; 2 wrong usage, input or output; 3 the model or the device cannot be used.
    """
    quiet_decoders()
    _check_usage(context, images, count, folder, seed)
    if figure is not None:
        _check_figure(figure, count or len(images), may_replace=force)
    elif force:
        raise click.UsageError("--force needs --figure", context)
    from . import judging

    files = [(image, "") for image in images]
    if count is not None and folder is not None:
        if seed is None:
            seed = secrets.randbelow(1_000_000)
            note(f"picking with --seed {seed}")
        files = judging.picked(folder, count, seed)
    origins = judging.provenance_options(is_read=provenance, trust_list=trust_list)
    detector = judging.open_detector(model, device, **options)
    judged = []
    for path, true_label in files:
        one = judging.judge(detector, path, true_label, origins, keeps_picture=figure is not None)
        judged.append(one)
        click.echo(judging.json_line(one) if is_json else judging.line(one))
    if figure is not None:
        judging.draw(judged, detector, figure)
    failed = any(one.row.verdict is None for one in judged)
    context.exit(ExitCode.SOME_FILES_FAILED if failed else ExitCode.OK)


def _check_usage(
    context: click.Context,
    images: tuple[Path, ...],
    count: int | None,
    folder: Path | None,
    seed: int | None,
) -> None:
    if (count is None) != (folder is None):
        raise click.UsageError("--random N and --from DIR are needed together", context)
    if seed is not None and count is None:
        raise click.UsageError("--seed needs --random", context)
    if count is None and not images:
        raise click.UsageError("name at least one IMAGE, or --random N --from DIR", context)
    if count is not None and images:
        raise click.UsageError("name pictures, or pick them with --random, not both", context)


def _check_figure(figure: Path, count: int, *, may_replace: bool) -> None:
    """Check the figure's path and size before the model is loaded."""
    if figure.suffix.lower() not in _FIGURE_SUFFIXES:
        raise OutputError(f"{figure} must end with one of {', '.join(_FIGURE_SUFFIXES)}")
    if figure.is_dir() or not figure.absolute().parent.is_dir():
        raise OutputError(f"{figure} cannot be written: its folder does not exist or it is one")
    if figure.exists() and not may_replace:
        raise OutputError(f"{figure} exists; choose another name, or replace it with --force")
    if count > _LARGEST_FIGURE:
        raise OutputError(f"a figure holds {_LARGEST_FIGURE} pictures at most, not {count}")
