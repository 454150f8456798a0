"""Each picture's answer by a fit that never saw its source."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trustthepixels.infer.errors import OutputError

from ...arrays import BoolArray, FloatArray, IntArray
from ...calibration.calibrate import spread_of
from ...data.folds import FOLDS
from ...data.manifest import Sample
from .fits import FitSources, SourceFit

HELD_OUT_NAME = "held-out.csv"
"""File of a run folder: the answer for each picture by a fit that never saw its source.

Its column ``calibrates`` is 1 for those behind calibration and figures, see ``calibrating``."""

_COLUMNS = ("file", "class", "source", "fold", "calibrates", "p_ai", "p_ai_changed")

_MEASURED = 1000
"""Pictures, at most, on which the spread of two fits is compared."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Answers of fits that never saw a picture's source, in the spread of the full fit.

    Attributes:
        unchanged: logit of ``ai`` less logit of ``real``, (n,).
        changed: the same for the first changed view, (n,).
    """

    unchanged: FloatArray
    changed: FloatArray


def held_out_answers(fit: FitSources, folds: IntArray, full: SourceFit) -> HeldOut:
    """Return each picture's answers by the fit that held its source out.

    Fits differ in the spread of their answers, so each is scaled to the full one's, on pictures
    that both learned.

    Args:
        fit: fits on some pictures.
        folds: fold in which each picture's source is held out, (n,).
        full: fit on all pictures.

    Raises:
        InputError: a fit answers the same to every picture.
    """
    unchanged, changed = np.empty(len(folds)), np.empty(len(folds))
    for fold in range(FOLDS):
        out, learned = np.flatnonzero(folds == fold), folds != fold
        model, about = fit(learned, f"fold-{fold}"), f"the fit without fold {fold}"
        spread = float(full.margins(_measured(learned), 0).std())
        scale = spread / spread_on_learned(model, learned, about)
        unchanged[out] = scale * model.margins(out, 0)
        changed[out] = scale * model.margins(out, 1)
    return HeldOut(unchanged, changed)


def spread_on_learned(model: SourceFit, learned: BoolArray, about: str) -> float:
    """Return the standard deviation of a fit's margins on pictures that it learned.

    Args:
        model: the fit.
        learned: which pictures it learned, (n,).
        about: name of the fit, for the text of an error.

    Raises:
        InputError: the fit answers the same to every picture.
    """
    return spread_of(model.margins(_measured(learned), 0), about)


def _measured(learned: BoolArray) -> IntArray:
    """Return numbers of learned pictures, evenly spread over the data."""
    numbers = np.flatnonzero(learned)
    return numbers[:: -(-len(numbers) // _MEASURED)]


def write_answers(
    path: Path,
    samples: Sequence[Sample],
    folds: IntArray,
    chosen: BoolArray,
    p_ai: FloatArray,
    p_ai_changed: FloatArray,
) -> None:
    """Write ``held-out.csv``.

    Args:
        path: the file.
        samples: the n pictures.
        folds: fold of each, (n,).
        chosen: whether each calibrates, (n,).
        p_ai: answers to unchanged pictures, (n,), 0 to 1.
        p_ai_changed: the same for the first changed view.

    Raises:
        OutputError: the file cannot be written.
    """
    columns = (samples, folds, chosen, p_ai, p_ai_changed)
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(_COLUMNS)
            for sample, fold, used, plain, changed in zip(*columns, strict=True):
                values = (fold, int(used), f"{plain:.4f}", f"{changed:.4f}")
                writer.writerow([sample.file, sample.label, sample.source, *values])
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
