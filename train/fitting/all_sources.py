"""Fit of the last layer on all sources, calibrated by five fits that leave sources out.

Stages that stay frozen make it cheap: one pass over the pictures serves all six fits. The answers
for sources that a fit left out calibrate the full one, and say how good it is on new sources.
"""

import csv
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from trustthepixels.infer.errors import OutputError, UsageError
from trustthepixels.infer.results import LABELS

from ..arrays import BoolArray, FloatArray, IntArray
from ..calibration.calibrate import calibrate, logits_of, probability, spread_of
from ..data.folds import FOLDS, source_folds
from ..data.manifest import (
    Sample,
    load_samples,
    require_both_classes,
    targets_of,
    without_sources,
)
from ..networks.choices import Device, Precision
from ..networks.stage_statistics import Features
from ..networks.weights import save_weights
from ..pictures.crops import Shown
from ..settings import WEIGHTS_NAME, TrainSettings, open_run
from .calibrating import calibrating, tell_what_calibrates
from .features import FeatureStore
from .fit import Start, prepare_fit
from .last_layer import (
    CHANGED_VIEWS,
    LayerFit,
    fit_on_labels,
    set_last_layer,
    usual_inverse_penalty,
)
from .result import described, rounded_network

HELD_OUT_NAME = "held-out.csv"
"""File of a run folder: the answer for each picture by a fit that never saw its source.

Its column ``calibrates`` is 1 for those behind calibration and figures, see ``calibrating``."""

_COLUMNS = ("file", "class", "source", "fold", "calibrates", "p_ai", "p_ai_changed")

_FALSE_POSITIVE_RATE = 0.05

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Features of all pictures, one row for each in every table.

    Attributes:
        samples: the pictures.
        folds: fold in which each picture's source is held out, (n,).
        unchanged: (n, features).
        changed: tables of randomly changed views, each (n, features).
        fit_layer: fit on rows of such tables, all unchanged ones first, and their pictures.
    """

    samples: Sequence[Sample]
    folds: IntArray
    unchanged: Features
    changed: tuple[Features, ...]
    fit_layer: Callable[[Features, Sequence[Sample]], LayerFit]

    def fit(self, chosen: BoolArray) -> LayerFit:
        """Fit the layer on some pictures, unchanged and changed."""
        samples = [one for one, taken in zip(self.samples, chosen, strict=True) if taken]
        tables = [table[chosen] for table in (self.unchanged, *self.changed)]
        return self.fit_layer(np.concatenate(tables), samples)


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """Answers of fits that never saw a picture's source, in the spread of the full fit.

    Attributes:
        unchanged: logit of ``ai`` less logit of ``real``, (n,).
        changed: the same for the first changed view, (n,).
    """

    unchanged: FloatArray
    changed: FloatArray


def train_on_all_sources(
    settings: TrainSettings, folder: Path, device: Device, precision: Precision, *, resume: bool
) -> Path:
    """Fit the last layer, calibrate it on held-out sources, and write weights and answers.

    The features stay in ``features/``; a resumed run takes those that are there.

    Returns:
        The weights, half-precision safetensors with the spec inside.

    Raises:
        UsageError: the settings ask for epochs, splits, a fold, a teacher or further pictures; or
            the network's last layer does not see its stages.
        TrustThePixelsError: the data, the folder or the device cannot be used.
    """
    _require_plain(settings)
    everything = load_samples(Path(settings.data))
    samples = without_sources(everything, settings.exclude_sources)
    # By all sources: leaving some out must not move the folds of the others.
    folds = source_folds(everything)
    for fold in range(FOLDS):
        # Too few sources are refused before an hour's work.
        held_out_part = [sample for sample in samples if folds[sample.source] == fold]
        require_both_classes(held_out_part, f"fold {fold} of sources")
    chosen = calibrating(settings, everything, samples)
    start = prepare_fit(settings, folder, device, precision)
    open_run(folder, settings, resume=resume)
    tell_what_calibrates(settings, chosen)
    seen = _look(settings, start, samples, folds, folder)
    full = seen.fit(np.ones(len(samples), dtype=np.bool_))
    held_out = _held_out_answers(seen, full)
    targets = targets_of(samples)[chosen]
    fitted = calibrate(logits_of(held_out.unchanged[chosen]), targets)
    p_ai, p_ai_changed = (
        probability(logits_of(margin), fitted[0])
        for margin in (held_out.unchanged, held_out.changed)
    )
    figures = {
        "held_out_auc": float(roc_auc_score(targets, p_ai[chosen])),
        "held_out_changed_auc": float(roc_auc_score(targets, p_ai_changed[chosen])),
        "held_out_true_positive_rate_at_0.05": _true_positive_rate(p_ai[chosen], targets),
    }
    for name, value in figures.items():
        _log.info("%s %.3f", name, value)
    _write_answers(folder / HELD_OUT_NAME, seen, chosen, p_ai, p_ai_changed)
    set_last_layer(start.network, full)
    network = rounded_network(settings, start.network.backbone.state_dict())
    weights = folder / WEIGHTS_NAME
    save_weights(weights, network, described(settings, network, fitted, figures, samples))
    return weights


def _require_plain(settings: TrainSettings) -> None:
    refused = {
        "--epochs": settings.epochs != 0,
        "--splits": bool(settings.splits),
        "--fold": settings.fold is not None,
        "--hard": bool(settings.hard),
        "--teacher": bool(settings.teachers),
    }
    for option, given in refused.items():
        if given:
            needed = "needs --epochs 0" if option == "--epochs" else f"excludes {option}"
            raise UsageError(f"--held-out {needed}: it fits the last layer on all sources")


def _look(
    settings: TrainSettings,
    start: Start,
    samples: Sequence[Sample],
    folds: Mapping[str, int],
    folder: Path,
) -> _Seen:
    store = FeatureStore(folder / "features", start.network, settings.input_shape, start.arithmetic)
    return _Seen(
        samples,
        np.array([folds[sample.source] for sample in samples]),
        store.seen(samples, Shown.WHOLE)[:, 0],
        tuple(
            store.changed(samples, start.recipe.augmentation, repeat)
            for repeat in range(CHANGED_VIEWS)
        ),
        partial(
            fit_on_labels,
            start.network,
            inverse_penalty=settings.inverse_penalty or usual_inverse_penalty(start.network),
            arithmetic=start.arithmetic,
        ),
    )


def _held_out_answers(seen: _Seen, full: LayerFit) -> _HeldOut:
    """Return each picture's answers by the fit that held its source out.

    Fits differ in the spread of their answers, so each is scaled to the full one's, on the pictures
    that both learned.
    """
    unchanged, changed = np.empty(len(seen.samples)), np.empty(len(seen.samples))
    for fold in range(FOLDS):
        out = seen.folds == fold
        model = seen.fit(~out)
        learned = seen.unchanged[~out]
        own = spread_of(model.decision_function(learned), f"the fit without fold {fold}")
        scale = float(full.decision_function(learned).std()) / own
        unchanged[out] = scale * model.decision_function(seen.unchanged[out])
        changed[out] = scale * model.decision_function(seen.changed[0][out])
    return _HeldOut(unchanged, changed)


def _write_answers(
    path: Path, seen: _Seen, chosen: BoolArray, p_ai: FloatArray, p_ai_changed: FloatArray
) -> None:
    columns = (seen.samples, seen.folds, chosen, p_ai, p_ai_changed)
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                ["file", "class", "source", "fold", "calibrates", "p_ai", "p_ai_changed"]
            )
            for sample, fold, used, plain, changed in zip(*columns, strict=True):
                values = (fold, int(used), f"{plain:.4f}", f"{changed:.4f}")
                writer.writerow([sample.file, sample.label, sample.source, *values])
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _true_positive_rate(p_ai: FloatArray, targets: IntArray) -> float:
    """Return the share of AI pictures above all but 5 % of the photographs."""
    is_ai = targets == LABELS.index("ai")
    barrier = np.quantile(p_ai[~is_ai], 1.0 - _FALSE_POSITIVE_RATE)
    return float((p_ai[is_ai] > barrier).mean())
