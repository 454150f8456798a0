"""Run of ``trustthepixels evaluate``, from its request to its exit code."""

from collections.abc import Callable
from pathlib import Path

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import ExitCode

from ..evaluation.mistakes import check_mistakes_request, collect_mistakes
from ..evaluation.regressions import (
    Outcome,
    record_fixed,
    replay,
    replay_text,
    write_regressions,
)
from ..evaluation.request import EvaluationRequest
from ..evaluation.run import run_evaluation
from ..evaluation.scorer import open_scorer
from .files import prepare_folder, write_evaluation
from .text import terminal_report

Show = Callable[[str], None]
"""Function that takes a block of text for the terminal."""


def evaluate_and_report(
    request: EvaluationRequest, folder: Path | None, mistakes: Path | None, show: Show
) -> ExitCode:
    """Score the pictures, show the report, and write the requested files.

    Args:
        request: model, pictures and settings.
        folder: folder for the report's files.
        mistakes: folder for the model's mistakes.
        show: takes the report, then the names of written files.

    Raises:
        TrustThePixelsError: data, models, options or folders cannot be used.
    """
    if mistakes is not None:
        check_mistakes_request(request)
        prepare_folder(mistakes)
    if folder is not None:
        prepare_folder(folder)
    report = run_evaluation(request)
    show(terminal_report(report))
    if folder is not None:
        write_evaluation(folder, report)
        show(f"\nwrote {folder}")
    if mistakes is not None:
        collected = collect_mistakes(mistakes, report)
        show(f"\n{mistakes}: {collected.new} new mistakes, {collected.known} known ones")
    if any(measurement.evaluation.failed for measurement in report.measurements):
        return ExitCode.SOME_FILES_FAILED
    return ExitCode.OK


def replay_and_report(
    model: str, folder: Path, device: Device, threads: int, show: Show, *, mark_fixed: bool
) -> ExitCode:
    """Replay a folder's list of regressions, and show the outcome of each picture.

    Args:
        model: as for ``open_scorer``.
        folder: folder with ``regressions.csv`` and the pictures.
        device: device of the model.
        threads: threads of one operator on the CPU.
        show: takes the outcome.
        mark_fixed: mark the pictures in the list that the model gets right.

    Raises:
        TrustThePixelsError: the model or the list cannot be used.
    """
    scorer = open_scorer(model, device, threads)
    replayed = replay(folder, scorer)
    show(replay_text(replayed, scorer))
    if mark_fixed:
        name = f"{scorer.spec.name} {scorer.digest[:12]}"
        write_regressions(folder, record_fixed(replayed, name))
    outcomes = {one.outcome for one in replayed}
    if Outcome.WRONG_AGAIN in outcomes:
        return ExitCode.CHECK_FAILED
    return ExitCode.SOME_FILES_FAILED if Outcome.NOT_CHECKED in outcomes else ExitCode.OK
