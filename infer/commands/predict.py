"""``trustthepixels predict``: the verdict on single pictures, in words or as a figure."""

import random
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, ImageError, InputError, OutputError, one_line
from ..model.providers import Device
from ..results import Verdict
from ..system.terminal import note, printable
from .options import (
    device_option,
    false_positive_rate_option,
    model_option,
    no_unsure_option,
    threads_option,
    threshold_option,
)
from .terminal import note_device, quiet_decoders

if TYPE_CHECKING:
    from PIL import Image

    from ..detector import Detector

_FIGURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_LARGEST_FIGURE = 24


@dataclass(frozen=True, slots=True)
class _Judged:
    """One picture and what became of it; ``picture`` is kept only for a figure."""

    path: Path
    true_label: str
    verdict: Verdict | None
    failure: str = ""
    picture: "Image.Image | None" = None


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
@model_option
@device_option
@false_positive_rate_option
@threshold_option
@no_unsure_option
@threads_option
@click.pass_context
def predict(
    context: click.Context,
    /,
    images: tuple[Path, ...],
    count: int | None,
    folder: Path | None,
    seed: int | None,
    figure: Path | None,
    model: str,
    device: Device,
    false_positive_rate: float | None,
    threshold: float | None,
    unsure: bool,
    threads: int | None,
) -> None:
    """Print the verdict and the probability of AI generation for each IMAGE.

    Exit codes: 0 all fine; 1 done, but some pictures could not be judged, and their lines say why;
    2 wrong usage, input or output; 3 the model or the device cannot be used.
    """
    quiet_decoders()
    files = _chosen(context, images, count, folder, seed)
    if figure is not None:
        _check_figure(figure, len(files))
    from ..detector import Detector

    detector = Detector(
        model,
        device,
        threads=threads,
        false_positive_rate=false_positive_rate,
        threshold=threshold,
        unsure=unsure,
    )
    note_device(detector.session, device)
    judged = []
    for path, true_label in files:
        judged.append(_judge(detector, path, true_label, keeps_picture=figure is not None))
        click.echo(_line(judged[-1]))
    if figure is not None:
        _draw(judged, detector, figure)
    failed = any(one.verdict is None for one in judged)
    context.exit(ExitCode.SOME_FILES_FAILED if failed else ExitCode.OK)


def _chosen(
    context: click.Context,
    images: tuple[Path, ...],
    count: int | None,
    folder: Path | None,
    seed: int | None,
) -> list[tuple[Path, str]]:
    """The pictures to judge, each with its true label or an empty text."""
    if (count is None) != (folder is None):
        raise click.UsageError("--random N and --from DIR go together", context)
    if seed is not None and count is None:
        raise click.UsageError("--seed is for --random", context)
    if count is None or folder is None:
        if not images:
            raise click.UsageError("name at least one IMAGE, or --random N --from DIR", context)
        return [(image, "") for image in images]
    if images:
        raise click.UsageError("name pictures, or pick them with --random, not both", context)
    from ..files.labelled import labelled_files

    files = labelled_files(folder)
    if len(files) < count:
        raise InputError(f"{folder} has only {len(files)} pictures, not {count}")
    if seed is None:
        seed = secrets.randbelow(1_000_000)
        note(f"picking with --seed {seed}")
    return [(file.path, file.label) for file in random.Random(seed).sample(files, count)]


def _judge(detector: "Detector", path: Path, true_label: str, *, keeps_picture: bool) -> _Judged:
    try:
        verdict = detector.predict(path)
        picture = detector.decode(path).image if keeps_picture else None
    except ImageError as error:
        return _Judged(path, true_label, None, failure=str(error))
    return _Judged(path, true_label, verdict, picture=picture)


def _line(judged: _Judged) -> str:
    from ..report.figure import percent

    name = printable(judged.path)
    if judged.verdict is None:
        return f"{name}: no verdict ({printable(judged.failure)})"
    likely = f"{percent(judged.verdict.p_ai)} likely AI-generated"
    truth = f"; labelled {judged.true_label}" if judged.true_label else ""
    doubt = f"; {judged.verdict.doubt}" if judged.verdict.doubt else ""
    return f"{name}: {judged.verdict.label} ({likely}{doubt}{truth})"


def _check_figure(figure: Path, count: int) -> None:
    """Find what would stop the figure before the model is loaded."""
    if figure.suffix.lower() not in _FIGURE_SUFFIXES:
        raise OutputError(f"{figure} must end with one of {', '.join(_FIGURE_SUFFIXES)}")
    if figure.is_dir() or not figure.absolute().parent.is_dir():
        raise OutputError(f"{figure} cannot be written: its folder does not exist or it is one")
    if count > _LARGEST_FIGURE:
        raise OutputError(f"a figure holds {_LARGEST_FIGURE} pictures at most, not {count}")


def _draw(judged: list[_Judged], detector: "Detector", figure: Path) -> None:
    from ..report.figure import Panel, draw_figure

    panels = [
        Panel(printable(one.path), one.picture, one.verdict, one.true_label, one.failure)
        for one in judged
    ]
    partial = figure.with_name(f".{figure.stem}.partial{figure.suffix}")
    try:
        draw_figure(panels, detector.rule).save(partial)
        partial.replace(figure)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"cannot write {figure}: {one_line(error)}") from error
    note(f"wrote {figure}")
