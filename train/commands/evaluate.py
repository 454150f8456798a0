"""``trustthepixels evaluate``: measure a model on labelled pictures."""

from pathlib import Path
from typing import Any

import click
from trustthepixels.infer.commands.options import (
    device_option,
    false_positive_rate_option,
    threads_option,
    threshold_option,
)
from trustthepixels.infer.errors import ExitCode


@click.command("evaluate")
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder for evaluation.json, predictions.csv and pictures.",
)
@click.option("--splits", type=click.Path(path_type=Path), help="CSV of file,split.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Part of --splits to evaluate.",
)
@click.option(
    "--exclude-source", "exclude_sources", multiple=True, help="Leave a source out; repeatable."
)
@click.option(
    "--tier",
    type=click.Choice(["clean", "web", "hard", "webp", "screenshot", "upscale"]),
    default="clean",
    show_default=True,
    help="What happens to each picture first.",
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
    context: click.Context, /, folder: Path | None, split: str | None, tier: str, **options: Any
) -> None:
    """Measure MODEL on labelled pictures.

    MODEL is an ONNX file of ours, the name of a bundled model, or weights.safetensors of a
    training run.

    DATA is a manifest.csv (columns file and class, also source and group), a folder with one, or
    a folder with AI/ and Real/. Intervals are 95 %, from a bootstrap over groups. Exits with 1 if
    some pictures could not be decoded; they are listed, and in none of the figures.
    """
    from ..evaluation_report import terminal_table
    from ..evaluation_run import (
        EvaluationRequest,
        prepare_folder,
        run_evaluation,
        write_evaluation,
    )
    from ..splits import Split
    from ..tiers import Tier

    request = EvaluationRequest(split=Split(split) if split else None, tier=Tier(tier), **options)
    if folder is not None:
        prepare_folder(folder)
    subject, evaluation = run_evaluation(request)
    click.echo(terminal_table(subject, evaluation))
    if folder is not None:
        write_evaluation(folder, subject, evaluation)
        click.echo(f"\nwrote {folder}")
    if evaluation.failed:
        context.exit(ExitCode.SOME_FILES_FAILED)
