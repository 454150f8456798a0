"""One training run from data to calibrated weights in its folder."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Tensor

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.model.spec import ModelSpec

from ..calibration.calibrate import calibrate, probability
from ..calibration.logits import score
from ..data.folds import split_by_fold
from ..data.hard_examples import hard_examples
from ..data.manifest import (
    Sample,
    load_samples,
    require_both_classes,
    targets_of,
    without_sources,
)
from ..data.splits import Split, read_splits, select, split_by_group, write_splits
from ..networks.choices import Device, Precision
from ..networks.hardware import Accelerator
from ..networks.weights import read_state, save_weights
from ..pictures.batches import seen_as_input
from ..settings import SPLITS_NAME, WEIGHTS_NAME, TrainSettings, open_run
from .all_sources.run import train_on_all_sources
from .curves import draw_curves, merge_metrics
from .fit import LOGS_NAME, Start, fit, is_first_process, prepare_fit, require_room
from .last_layer import fit_last_layer
from .result import described, rounded_network


def train_run(
    settings: TrainSettings,
    folder: Path,
    device: Device,
    precision: Precision,
    *,
    resume: bool,
    source_curve: bool = False,
) -> Path | None:
    """Train, calibrate on the validation split, measure on the test split, and write weights.

    With ``held_out`` there are no splits, see ``all_sources``; ``source_curve`` applies then alone.

    Returns:
        The weights, half-precision safetensors with the spec inside; ``None`` in the further
        processes that several GPUs have, which write nothing.

    Raises:
        TrustThePixelsError: the data, the settings, the folder or the device cannot be used.
    """
    if settings.held_out:
        return train_on_all_sources(
            settings, folder, device, precision, resume=resume, curve=source_curve
        )
    everything = load_samples(Path(settings.data))
    samples = without_sources(everything, settings.exclude_sources)
    splits = _splits(settings, everything, samples)
    parts = {split: select(samples, splits, split) for split in Split}
    for split, part in parts.items():
        require_both_classes(part, f"the {split.value} split")
    parts[Split.TRAIN] += _hard_examples(settings, parts)
    # Errors of the request are found before the folder is created.
    start = prepare_fit(settings, folder, device, precision)
    require_room(settings, start, parts[Split.TRAIN], parts[Split.VALIDATION])
    if not is_first_process():
        _trained(settings, start, parts, folder)
        return None
    open_run(folder, settings, resume=resume)
    write_splits(folder / SPLITS_NAME, {sample.file: splits[sample.file] for sample in samples})
    trained = _trained(settings, start, parts, folder)
    weights = folder / WEIGHTS_NAME
    finish(settings, trained, parts, weights, start.arithmetic.accelerator)
    return weights


def _trained(
    settings: TrainSettings, start: Start, parts: dict[Split, list[Sample]], folder: Path
) -> dict[str, Tensor]:
    """Return the backbone's state after the training, by timm's names."""
    if settings.epochs == 0:
        fit_last_layer(
            start.network,
            parts[Split.TRAIN],
            start.recipe.augmentation,
            settings.input_shape,
            start.arithmetic,
            start.teacher,
            settings.inverse_penalty,
        )
        return start.network.backbone.state_dict()
    best = fit(settings, start, parts[Split.TRAIN], parts[Split.VALIDATION], folder)
    if is_first_process():
        merge_metrics(folder / LOGS_NAME, folder / "metrics.csv")
        draw_curves(folder / "metrics.csv", folder / "curves.png")
    return read_state(best)


def _splits(
    settings: TrainSettings, everything: Sequence[Sample], samples: Sequence[Sample]
) -> dict[str, Split]:
    if settings.fold is not None:
        if settings.splits:
            raise UsageError("--splits and --fold exclude each other")
        # By all sources: leaving some out must not move the folds of the others.
        return split_by_fold(everything, settings.fold)
    if settings.splits:
        return read_splits(Path(settings.splits))
    return split_by_group(samples, settings.seed)


def _hard_examples(settings: TrainSettings, parts: dict[Split, list[Sample]]) -> list[Sample]:
    if not settings.hard:
        return []
    measured = [*parts[Split.VALIDATION], *parts[Split.TEST]]
    held_out = {sample.source for sample in parts[Split.TEST]} if settings.fold is not None else ()
    folders = [Path(folder) for folder in settings.hard]
    barred = {*held_out, *settings.exclude_sources}
    return hard_examples(folders, parts[Split.TRAIN], measured, barred)


def finish(
    settings: TrainSettings,
    trained: Mapping[str, Tensor],
    parts: dict[Split, list[Sample]],
    weights: Path,
    accelerator: Accelerator,
) -> ModelSpec:
    """Turn a trained backbone's state into calibrated half-precision weights with their spec."""
    network = rounded_network(settings, trained)
    see = partial(seen_as_input, shape=settings.input_shape)
    scored = {
        split: (score(network, parts[split], see, accelerator), targets_of(parts[split]))
        for split in (Split.VALIDATION, Split.TEST)
    }
    calibration, thresholds = calibrate(*scored[Split.VALIDATION])
    figures = {}
    for split, (logits, targets) in scored.items():
        p_ai = probability(logits, calibration)
        figures[f"{split}_balanced_accuracy"] = float(balanced_accuracy_score(targets, p_ai >= 0.5))
        figures[f"{split}_auc"] = float(roc_auc_score(targets, p_ai))
    everything = [sample for split in Split for sample in parts[split]]
    spec = described(settings, network, (calibration, thresholds), figures, everything)
    save_weights(weights, network, spec)
    return spec
