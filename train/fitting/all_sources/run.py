"""Fit on all sources, calibrated by five fits that leave sources out.

Stages that stay frozen make it cheap: one pass over the pictures serves all six fits. With epochs,
the later blocks of a tower learn on top of that, six times. The answers for sources that a fit left
out calibrate the full one, and say how good it is on new sources.
"""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from trustthepixels.infer.errors import UsageError

from ...calibration.calibrate import calibrate, logits_of, probability
from ...data.folds import FOLDS, source_folds
from ...data.manifest import (
    Sample,
    load_samples,
    require_both_classes,
    targets_of,
    without_sources,
)
from ...networks.choices import Device, Precision
from ...networks.weights import save_weights
from ...pictures.crops import Shown
from ...pictures.stored_views import stored_views
from ...settings import WEIGHTS_NAME, TrainSettings, open_run
from ..features import FeatureStore
from ..fit import Start, prepare_fit
from ..last_layer import CHANGED_VIEWS, fit_on_labels, usual_inverse_penalty
from ..result import described, rounded_network
from .answers import HELD_OUT_NAME, held_out_answers, write_answers
from .calibrating import calibrating, tell_what_calibrates
from .figures import held_out_figures
from .fits import FitSources, StageTables
from .learning_blocks import LearningBlocks, harder, require_tower
from .source_curve import CURVE_NAME, source_curve, write_curve

_log = logging.getLogger(__name__)


def train_on_all_sources(
    settings: TrainSettings,
    folder: Path,
    device: Device,
    precision: Precision,
    *,
    resume: bool,
    curve: bool = False,
) -> Path:
    """Fit on all sources, calibrate on held-out sources, and write weights and answers.

    Features stay in ``features/``, changed views in ``views/``, and weights of finished fits in
    ``fits/``; a resumed run takes those that are there.

    Args:
        settings: settings of the run.
        folder: folder of the run.
        device: device of the fits.
        precision: arithmetic of the fits.
        resume: whether the folder holds a run to go on with.
        curve: whether ``source-curve.csv`` is written too, by twenty further fits.

    Returns:
        The weights, half-precision safetensors with the spec inside.

    Raises:
        UsageError: the settings ask for splits, a fold, a teacher or further pictures; for epochs
            of a network without a tower; or the network's last layer does not see its stages.
        TrustThePixelsError: the data, the folder or the device cannot be used.
    """
    _require_plain(settings)
    everything = load_samples(Path(settings.data))
    samples = without_sources(everything, settings.exclude_sources)
    # By all sources: leaving some out must not move the folds of the others.
    fold_of = source_folds(everything)
    for fold in range(FOLDS):
        # Too few sources are refused before an hour's work.
        held_out_part = [sample for sample in samples if fold_of[sample.source] == fold]
        require_both_classes(held_out_part, f"fold {fold} of sources")
    folds = np.array([fold_of[sample.source] for sample in samples])
    chosen = calibrating(settings, everything, samples)
    start = prepare_fit(settings, folder, device, precision)
    if settings.epochs:
        require_tower(start.network)
    open_run(folder, settings, resume=resume)
    tell_what_calibrates(settings, chosen)
    fit = _fit_of(settings, start, samples, folder)
    full = fit(np.ones(len(samples), dtype=np.bool_), "all")
    held_out = held_out_answers(fit, folds, full)
    judged = [sample for sample, taken in zip(samples, chosen, strict=True) if taken]
    fitted = calibrate(logits_of(held_out.unchanged[chosen]), targets_of(judged))
    p_ai, p_ai_changed = (
        probability(logits_of(margin), fitted[0])
        for margin in (held_out.unchanged, held_out.changed)
    )
    figures = held_out_figures(p_ai[chosen], p_ai_changed[chosen], judged)
    for name, value in figures.items():
        _log.info("%s %.3f", name, value)
    write_answers(folder / HELD_OUT_NAME, samples, folds, chosen, p_ai, p_ai_changed)
    network = rounded_network(settings, full.state)
    weights = folder / WEIGHTS_NAME
    save_weights(weights, network, described(settings, network, fitted, figures, samples))
    if curve:
        write_curve(folder / CURVE_NAME, source_curve(fit, samples, folds, chosen))
    return weights


def _require_plain(settings: TrainSettings) -> None:
    refused = {
        "--splits": bool(settings.splits),
        "--fold": settings.fold is not None,
        "--hard": bool(settings.hard),
        "--teacher": bool(settings.teachers),
    }
    for option, given in refused.items():
        if given:
            raise UsageError(f"--held-out excludes {option}: it fits on all sources")
    if settings.epochs and not settings.views:
        raise UsageError("--held-out with --epochs keeps changed views; use --views 4")
    if settings.epochs and settings.train_size != settings.image_size:
        raise UsageError("--held-out trains at the size of inference; leave --train-size out")


def _fit_of(
    settings: TrainSettings, start: Start, samples: Sequence[Sample], folder: Path
) -> FitSources:
    """Return the function behind all six fits."""
    augmentation, shape = start.recipe.augmentation, settings.input_shape
    store = FeatureStore(folder / "features", start.network, shape, start.arithmetic)
    tables = StageTables(
        start.network,
        samples,
        (
            store.seen(samples, Shown.WHOLE)[:, 0],
            *(store.changed(samples, augmentation, repeat) for repeat in range(CHANGED_VIEWS)),
        ),
        partial(
            fit_on_labels,
            start.network,
            inverse_penalty=settings.inverse_penalty or usual_inverse_penalty(start.network),
            arithmetic=start.arithmetic,
        ),
    )
    if not settings.epochs:
        return tables.fit
    stored = partial(stored_views, folder / "views", samples, shape, seed=settings.seed)
    return LearningBlocks(
        tables,
        (stored(None, 1), stored(harder(augmentation), settings.views)),
        settings,
        start.recipe,
        start.arithmetic,
        folder / "fits",
    ).fit
