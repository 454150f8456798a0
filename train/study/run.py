"""Run of ``trustthepixels study``, from its request to its report."""

import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.system.cores import available_cores

from ..calibration.held_out import fold_of
from ..data.folds import FOLDS
from ..networks.weights import load_checkpoint
from ..pictures.crops import Shown
from ..settings import WEIGHTS_NAME
from .answers import RunAnswers
from .figures import HELD_OUT, Figures, averaged, study_figures
from .frozen import train_frozen
from .protocol import WHOLE, StudyRequest, StudyRun, Train, read_variant, run_study, study_pictures
from .report import StudyRow, write_study
from .speed import Workload, judging_speeds
from .tuned import answers_of_trained, train_tuned
from .variants import Variant

_VIEWS = {Shown.WHOLE: 1, Shown.CROP: 4, Shown.BOTH: 5}
_REFERENCE = Workload("resnet34", 224, 1)
"""Workload of the reference work for a picture."""

SHIPPED = "as given"
"""Row of a model that was trained before."""


def compare(
    request: StudyRequest,
    variants: Sequence[Variant],
    folder: Path,
    weights: Path | None = None,
    runs: Sequence[Path] = (),
) -> None:
    """Train the missing runs in the folder, and write the report into it.

    Args:
        request: common settings.
        variants: variants to compare.
        folder: folder for answers and report.
        weights: weights of a finished model to compare with.
        runs: its five runs, each without one fold.

    Raises:
        TrustThePixelsError: data, weights or the folder cannot be used.
    """
    given = None if weights is None else _given_files(weights, runs)
    run_study(request, variants, folder, {False: train_frozen, True: train_tuned})
    answers = {variant.name: read_variant(folder, variant) for variant in variants}
    work = {variant.name: _workload(request, variant) for variant in variants}
    if weights is not None and given is not None:
        shown = Variant(SHIPPED, weights.name, tuned=True)
        own = folder / f"given-{_digest(given.values())}"
        run_study(request, (shown,), own, {True: _judge_files(given)})
        answers[SHIPPED] = read_variant(own, shown)
        _, spec = load_checkpoint(weights)
        work[SHIPPED] = Workload(spec.architecture, max(spec.input_size), 1)
        variants = [*variants, shown]
    pictures, speeds = study_pictures(request), judging_speeds([*work.values(), _REFERENCE])
    rows = [
        StudyRow(
            variant.name,
            variant.change,
            variant.tuned,
            speeds[work[variant.name]],
            study_figures(pictures, answers[variant.name]),
        )
        for variant in variants
    ]
    if given is not None and len(rows) > 1:
        best = max(rows[:-1], key=_on_held_out_sources)
        both = averaged(answers[SHIPPED], answers[best.name])
        rows.append(_together(rows[-1], best, study_figures(pictures, both)))
    write_study(folder, rows, _conditions(request, speeds[_REFERENCE]))


def _given_files(weights: Path, runs: Sequence[Path]) -> dict[str, Path]:
    """Return the weights of a finished model by the names of a study's runs.

    Raises:
        UsageError: the runs are not five, each without another fold.
        InputError: a file cannot be read.
    """
    folds = {fold_of(run): run / WEIGHTS_NAME for run in runs}
    if sorted(folds) != list(range(FOLDS)):
        raise UsageError(f"a finished model needs its {FOLDS} runs, each without another fold")
    files = {WHOLE: weights, **{f"fold{fold}": path for fold, path in folds.items()}}
    for path in files.values():
        load_checkpoint(path)
    return files


def _digest(files: Iterable[Path]) -> str:
    every = b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)
    return hashlib.sha256(every).hexdigest()[:8]


def _together(first: StudyRow, second: StudyRow, figures: Figures) -> StudyRow:
    """Return a row of two networks with averaged answers."""
    return StudyRow(
        f"{first.name} + {second.name}",
        "answers averaged; the second one is the best by the first column, so that is flattered",
        True,
        1.0 / (1.0 / first.speed + 1.0 / second.speed),
        figures,
    )


def _on_held_out_sources(row: StudyRow) -> float:
    """Return the figure that decides between recipes."""
    return row.figures[HELD_OUT]["tpr_at_fpr_5pct"].value


def _judge_files(files: Mapping[str, Path]) -> Train:
    def judge_file(
        request: StudyRequest, variant: Variant, run: StudyRun, folder: Path
    ) -> RunAnswers:
        return answers_of_trained(files[run.name], run)

    return judge_file


def _workload(request: StudyRequest, variant: Variant) -> Workload:
    side = round(request.side * variant.size)
    return Workload(variant.architecture, side, _VIEWS[variant.recipe.augmentation.view])


def _conditions(request: StudyRequest, reference_speed: float) -> dict[str, str]:
    return {
        "start": request.init.name,
        "side of the views": f"{request.side} px unless the recipe says otherwise",
        "frozen": "mean and deviation of every channel of each stage; each training picture "
        "as it is and twice changed; logistic regression",
        "tuned": "one epoch; views in training of four fifths of the side when judging",
        "verdicts": "by the thresholds alone, of pictures decoded in full",
        "calibration and thresholds": "of a fold: fitted on the answers of the other four; of test "
        "and external pictures: on all five",
        "the reference work's network": f"{_REFERENCE.architecture} at {_REFERENCE.side} px, "
        f"{reference_speed:.0f} pictures a second",
        "machine": f"{available_cores()} cores, {platform.machine()}, torch {torch.__version__}"
        + (f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"),
    }
