"""``trustthepixels evaluate``: measure a model on labelled pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from trustthepixels.infer.commands.options import request_options
from trustthepixels.infer.errors import ExitCode

from .typed import typed_options

if TYPE_CHECKING:
    from ..data.splits import Split
    from ..evaluation.request import EvaluationRequest
    from ..pictures.tiers import Tier


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
@click.option(
    "--mistakes",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Gather what MODEL gets wrong of DATA in DIR, for 'train --hard' and --regressions.",
)
@click.option(
    "--regressions",
    is_flag=True,
    help="Replay DATA/regressions.csv instead; a fixed picture that is wrong again is exit code 4.",
)
@click.option(
    "--mark-fixed",
    is_flag=True,
    help="With --regressions: what MODEL gets right must stay right from now on.",
)
@request_options("false_positive_rate", "threshold", "device", "threads")
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
    model: str,
    data: Path,
    folder: Path | None,
    mistakes: Path | None,
    regressions: bool,
    mark_fixed: bool,
    **options: Any,
) -> None:
    """Measure MODEL on labelled pictures.

    MODEL is an ONNX file of ours, the name of a bundled model, or weights.safetensors of a
    training run.

    DATA is a manifest.csv (columns file and class, also source and group), a folder with one, or
    a folder with AI/ and Real/; one class is enough for its own figures. Where only --fold-model
    is given, MODEL itself is not measured on DATA. Intervals are 95 %, from a bootstrap over
    groups.

    Exit codes: 0 all fine; 1 done, but some pictures could not be decoded, and are in none of the
    figures; 2 wrong usage, input or output; 3 the model or the device cannot be used; 4 a picture
    of the regression list is wrong again.
    """
    if regressions:
        _replay(context, model, data, mark_fixed=mark_fixed)
    if mark_fixed:
        raise click.UsageError("--mark-fixed is for --regressions", context)
    from ..evaluation.mistakes import check_mistakes_request, collect_mistakes
    from ..evaluation.run import run_evaluation
    from ..reports.files import prepare_folder, write_evaluation
    from ..reports.text import terminal_report

    request = _request(model, data, options)
    if mistakes is not None:
        check_mistakes_request(request)
        prepare_folder(mistakes)
    if folder is not None:
        prepare_folder(folder)
    report = run_evaluation(request)
    click.echo(terminal_report(report))
    if folder is not None:
        write_evaluation(folder, report)
        click.echo(f"\nwrote {folder}")
    if mistakes is not None:
        collected = collect_mistakes(mistakes, report)
        click.echo(f"\n{mistakes}: {collected.new} new mistakes, {collected.known} known ones")
    if any(measurement.evaluation.failed for measurement in report.measurements):
        context.exit(ExitCode.SOME_FILES_FAILED)


def _request(model: str, data: Path, options: dict[str, Any]) -> "EvaluationRequest":
    from ..evaluation.request import DataRequest, EvaluationRequest, parse_fold_models

    choice = DataRequest(
        data,
        split=_split(options.pop("split")),
        **{name: options.pop(name) for name in ("splits", "fold", "exclude_sources", "external")},
    )
    tiers = _tiers(options.pop("tiers"), every=options.pop("all_tiers"))
    fold_models = parse_fold_models(options.pop("fold_models"))
    return EvaluationRequest(model, choice, fold_models, tiers, **options)


_WITH_REGRESSIONS = frozenset({"model", "data", "regressions", "mark_fixed", "device", "threads"})


def _replay(context: click.Context, model: str, folder: Path, *, mark_fixed: bool) -> NoReturn:
    """Replay the list of a folder and leave with the exit code that the outcome deserves."""
    for option in typed_options(context, context.params.keys() - _WITH_REGRESSIONS):
        raise click.UsageError(f"--regressions and {option} exclude each other", context)
    from trustthepixels.infer.system.cores import available_cores

    from ..evaluation.regressions import (
        Outcome,
        record_fixed,
        replay,
        replay_text,
        write_regressions,
    )
    from ..evaluation.scorer import open_scorer

    options = context.params
    scorer = open_scorer(model, options["device"], options["threads"] or available_cores())
    replayed = replay(folder, scorer)
    click.echo(replay_text(replayed, scorer))
    outcomes = {one.outcome for one in replayed}
    if mark_fixed:
        model_name = f"{scorer.spec.name} {scorer.digest[:12]}"
        write_regressions(folder, record_fixed(replayed, model_name))
    if Outcome.WRONG_AGAIN in outcomes:
        context.exit(ExitCode.CHECK_FAILED)
    context.exit(ExitCode.SOME_FILES_FAILED if Outcome.NOT_CHECKED in outcomes else ExitCode.OK)


def _split(name: str | None) -> "Split | None":
    from ..data.splits import Split

    return Split(name) if name else None


def _tiers(names: tuple[str, ...], *, every: bool) -> "tuple[Tier, ...]":
    from ..pictures.tiers import Tier

    if every:
        return tuple(Tier)
    return tuple(dict.fromkeys(Tier(name) for name in names)) or (Tier.CLEAN,)
