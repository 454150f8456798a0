"""Calibration of a model on sources held out from training.

A network is too confident on sources outside its training. Runs of the same recipe with ``--fold``
answer for the pictures of the sources that each left out. Temperature, bias and thresholds of the
full model are fitted on these answers. Networks differ in the spread of their answers, so each
run's answers are scaled to the full model's spread, measured on their own validation pictures.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.images.shape import InputShape

from ..arrays import FloatArray, IntArray
from ..data.manifest import Sample, load_samples, targets_of, without_sources
from ..data.splits import Split, read_splits, select
from ..networks.choices import Device
from ..networks.hardware import choose_accelerator
from ..networks.network import Classifier
from ..networks.weights import load_checkpoint
from ..pictures.batches import seen_as_input
from ..settings import CONFIG_NAME, SPLITS_NAME, WEIGHTS_NAME
from .calibrate import calibrate, logits_of, margin_of, spread_of
from .file import write_calibration
from .logits import score


@dataclass(frozen=True, slots=True)
class HeldOutAnswers:
    """Answers of one run for sources that it never saw.

    Attributes:
        fold: fold that it left out.
        sources: names of the sources.
        margin: logit of ``ai`` less logit of ``real``, in units of the spread of the run's own
            validation pictures, (n,).
        targets: indices of the true labels, (n,).
    """

    fold: int
    sources: tuple[str, ...]
    margin: FloatArray
    targets: IntArray


def calibrate_on_held_out(
    weights: Path, data: Path, splits: Path, runs: Sequence[Path], out: Path
) -> None:
    """Write the calibration as JSON, with its evidence.

    Args:
        weights: weights of the full model.
        data: data set of its training.
        splits: its ``file,split``; only the validation pictures are read.
        runs: finished training runs of the same recipe, each with another ``--fold``.
        out: file for ``calibration``, ``thresholds`` and ``evidence``.

    Raises:
        InputError: a run left no sources out, or those of another run; a network answers the same
            to every picture; or a file cannot be read.
        OutputError: the file cannot be written.
    """
    folds = [fold_of(run) for run in runs]
    if len(set(folds)) < len(folds):
        raise InputError(f"two runs left the same sources out: folds {', '.join(map(str, folds))}")
    network, spec = load_checkpoint(weights)
    samples = load_samples(data)
    parts = read_splits(splits)
    # A run may have excluded sources entirely.
    own = select([sample for sample in samples if sample.file in parts], parts, Split.VALIDATION)
    spread = spread_of(_margin(network, own, spec.input_shape), weights)
    answers = [held_out_answers(run, samples) for run in runs]
    margin = spread * np.concatenate([answer.margin for answer in answers])
    targets = np.concatenate([answer.targets for answer in answers])
    calibration, thresholds = calibrate(logits_of(margin), targets)
    evidence = [
        {
            "fold": answer.fold,
            "sources": list(answer.sources),
            "pictures": len(answer.targets),
            "auc": round(float(roc_auc_score(answer.targets, answer.margin)), 4),
        }
        for answer in answers
    ]
    write_calibration(out, calibration, thresholds, evidence)


def held_out_answers(run: Path, samples: Sequence[Sample]) -> HeldOutAnswers:
    """Score the sources that a run left out.

    Raises:
        InputError: the run left none out, its network answers the same to every picture, or its
            files cannot be read.
    """
    fold = fold_of(run)
    samples = without_sources(samples, tuple(_config(run)["exclude_sources"]))
    splits = read_splits(run / SPLITS_NAME)
    network, spec = load_checkpoint(run / WEIGHTS_NAME)
    own = _margin(network, select(samples, splits, Split.VALIDATION), spec.input_shape)
    held_out = select(samples, splits, Split.TEST)
    margin = _margin(network, held_out, spec.input_shape) / spread_of(own, run)
    sources = tuple(sorted({sample.source for sample in held_out}))
    return HeldOutAnswers(fold, sources, margin, targets_of(held_out))


def _config(run: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((run / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{run}: not a finished training run ({error})") from error
    return config


def fold_of(run: Path) -> int:
    """Return the fold that a training run left out.

    Raises:
        InputError: the run left none out, or is not finished.
    """
    fold = _config(run).get("fold")
    if fold is None:
        raise InputError(f"{run} left no sources out; train with --fold")
    return int(fold)


def _margin(network: Classifier, samples: Sequence[Sample], shape: InputShape) -> FloatArray:
    see = partial(seen_as_input, shape=shape)
    return margin_of(score(network, samples, see, choose_accelerator(Device.AUTO)))
