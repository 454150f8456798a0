"""Work of ``trustthepixels evaluate``: measure a model, or replay its regressions."""

from pathlib import Path
from typing import Any

import click

from trustthepixels.infer.errors import ExitCode
from trustthepixels.infer.model.providers import Device
from trustthepixels.infer.system.cores import available_cores

from ..data.splits import Split
from ..evaluation.mistakes import check_mistakes_request, collect_mistakes
from ..evaluation.regressions import (
    Outcome,
    record_fixed,
    replay,
    replay_text,
    write_regressions,
)
from ..evaluation.request import DataRequest, EvaluationRequest, parse_fold_models
from ..evaluation.run import run_evaluation
from ..evaluation.scorer import open_scorer
from ..pictures.tiers import Tier
from ..reports.files import prepare_folder, write_evaluation
from ..reports.text import terminal_report


def request(model: str, data: Path, options: dict[str, Any]) -> EvaluationRequest:
    """Return the request that the command line spells.

    Raises:
        UsageError: options exclude each other, or lack one that they need.
    """
    names = ("splits", "fold", "exclude_sources", "external")
    split = options.pop("split")
    choice = DataRequest(
        data,
        split=Split(split) if split else None,
        **{name: options.pop(name) for name in names},
    )
    tiers = _tiers(options.pop("tiers"), every=options.pop("all_tiers"))
    fold_models = parse_fold_models(options.pop("fold_models"))
    return EvaluationRequest(model, choice, fold_models, tiers, **options)


def measure(request: EvaluationRequest, folder: Path | None, mistakes: Path | None) -> ExitCode:
    """Measure a model, print and write the report, and return the exit code.

    Args:
        request: what to measure.
        folder: takes the report; ``None`` for none.
        mistakes: takes the pictures that the model gets wrong; ``None`` for none.
    """
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
    failed = any(measurement.evaluation.failed for measurement in report.measurements)
    return ExitCode.SOME_FILES_FAILED if failed else ExitCode.OK


def replay_list(
    model: str, folder: Path, device: Device, threads: int | None, *, mark_fixed: bool
) -> ExitCode:
    """Replay the list of a folder, and return the exit code that the outcome deserves.

    Args:
        model: name or file.
        folder: holds ``regressions.csv``.
        device: where the model runs.
        threads: threads of the model on the CPU; ``None`` for one on each core.
        mark_fixed: record what the model gets right, to stay right from now on.
    """
    scorer = open_scorer(model, device, threads or available_cores())
    replayed = replay(folder, scorer)
    click.echo(replay_text(replayed, scorer))
    outcomes = {one.outcome for one in replayed}
    if mark_fixed:
        model_name = f"{scorer.spec.name} {scorer.digest[:12]}"
        write_regressions(folder, record_fixed(replayed, model_name))
    if Outcome.WRONG_AGAIN in outcomes:
        return ExitCode.CHECK_FAILED
    return ExitCode.SOME_FILES_FAILED if Outcome.NOT_CHECKED in outcomes else ExitCode.OK


def _tiers(names: tuple[str, ...], *, every: bool) -> tuple[Tier, ...]:
    if every:
        return tuple(Tier)
    return tuple(dict.fromkeys(Tier(name) for name in names)) or (Tier.CLEAN,)
