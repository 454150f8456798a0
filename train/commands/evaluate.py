"""``trustthepixels evaluate``: measure a model on labelled pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from trustthepixels.infer.commands.options import (
    device_option,
    false_positive_rate_option,
    threads_option,
    threshold_option,
)
from trustthepixels.infer.errors import ExitCode

if TYPE_CHECKING:
    from ..splits import Split
    from ..tiers import Tier


@click.command("evaluate")
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder for report.html, evaluation.json, predictions.csv and pictures.",
)
@click.option("--splits", type=click.Path(path_type=Path), help="CSV of file,split.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Part of --splits to evaluate.",
)
@click.option(
    "--fold",
    type=click.IntRange(0, 4),
    help="Evaluate the sources that this fold holds out.",
)
@click.option(
    "--fold-model",
    "fold_models",
    multiple=True,
    metavar="K=MODEL",
    help="Also evaluate fold K of DATA with the model that was trained without it; repeatable.",
)
@click.option(
    "--external",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also evaluate a data set that no model was trained on; repeatable.",
)
@click.option(
    "--exclude-source", "exclude_sources", multiple=True, help="Leave a source out; repeatable."
)
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    type=click.Choice(["clean", "web", "hard", "webp", "screenshot", "upscale"]),
    help="What happens to each picture first; repeatable.  [default: clean]",
)
@click.option("--all-tiers", is_flag=True, help="Every tier, one after the other.")
@click.option(
    "--leak-probe",
    is_flag=True,
    help="Also ask whether file facts or codecs give the classes away.",
)
@false_positive_rate_option
@threshold_option
@device_option
@threads_option
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(1, 1024))
@click.option(
    "--decode-threads",
    type=click.IntRange(1, 64),
    help="Threads that decode.  [default: the cores that this process may use]",
)
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    data: Path,
    folder: Path | None,
    fold_models: tuple[str, ...],
    **options: Any,
) -> None:
    """Measure MODEL on labelled pictures.

    MODEL is an ONNX file of ours, the name of a bundled model, or weights.safetensors of a
    training run.

    DATA is a manifest.csv (columns file and class, also source and group), a folder with one, or
    a folder with AI/ and Real/. Where only --fold-model is given, MODEL itself is not measured on
    DATA. Intervals are 95 %, from a bootstrap over groups. Exits with 1 if some pictures could not
    be decoded; they are listed, and in none of the figures.
    """
    from ..evaluation_report import terminal_report
    from ..evaluation_request import DataRequest, EvaluationRequest, parse_fold_models
    from ..evaluation_run import prepare_folder, run_evaluation, write_evaluation

    choice = DataRequest(
        data,
        split=_split(options.pop("split")),
        **{name: options.pop(name) for name in ("splits", "fold", "exclude_sources", "external")},
    )
    tiers = _tiers(options.pop("tiers"), every=options.pop("all_tiers"))
    request = EvaluationRequest(
        data=choice, tiers=tiers, fold_models=parse_fold_models(fold_models), **options
    )
    if folder is not None:
        prepare_folder(folder)
    report = run_evaluation(request)
    click.echo(terminal_report(report))
    if folder is not None:
        write_evaluation(folder, report)
        click.echo(f"\nwrote {folder}")
    if any(measurement.evaluation.failed for measurement in report.measurements):
        context.exit(ExitCode.SOME_FILES_FAILED)


def _split(name: str | None) -> "Split | None":
    from ..splits import Split

    return Split(name) if name else None


def _tiers(names: tuple[str, ...], *, every: bool) -> "tuple[Tier, ...]":
    from ..tiers import Tier

    if every:
        return tuple(Tier)
    return tuple(dict.fromkeys(Tier(name) for name in names)) or (Tier.CLEAN,)
