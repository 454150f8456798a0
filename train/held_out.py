"""Calibrate a model on sources that its like never saw.

A network is surer of its training's sources than it ought to be of others. Runs of the same recipe
with ``--fold`` answer for the pictures of sources that each left out; on these answers temperature,
bias and thresholds of the full model are fitted. Networks differ in how far they spread their
answers, so each run's are brought to the full model's scale by what both do on their own validation
pictures.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.spec import LABELS, Calibration, OperatingPoint, Thresholds

from .calibrate import calibrate
from .manifest import Sample, load_samples, without_sources
from .network import Classifier
from .run import SPLITS_NAME, WEIGHTS_NAME, score
from .settings import CONFIG_NAME
from .splits import Split, read_splits, select
from .weights import load_checkpoint

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeldOutAnswers:
    """What one run says of sources that it never saw.

    Attributes:
        fold: which it left out.
        sources: their names.
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
    """Write the calibration as JSON, with what it rests on.

    Args:
        weights: of the full model.
        data: what it was trained on.
        splits: its ``file,split``; only the validation pictures are read.
        runs: finished training runs with ``--fold`` and the same architecture.
        out: takes ``calibration``, ``thresholds`` and ``evidence``.

    Raises:
        InputError: a run left no sources out, or something cannot be read.
    """
    network, spec = load_checkpoint(weights)
    samples = load_samples(data)
    parts = read_splits(splits)
    # A run may have left sources out altogether.
    own = select([sample for sample in samples if sample.file in parts], parts, Split.VALIDATION)
    spread = float(_margin(network, own, spec.input_size)[0].std())
    answers = [held_out_answers(run, samples) for run in runs]
    margin = spread * np.concatenate([answer.margin for answer in answers])
    targets = np.concatenate([answer.targets for answer in answers])
    logits = np.stack([np.zeros_like(margin), margin], axis=1)
    calibration, thresholds = calibrate(logits, targets)
    evidence = [
        {
            "fold": answer.fold,
            "sources": list(answer.sources),
            "pictures": len(answer.targets),
            "auc": round(float(roc_auc_score(answer.targets, answer.margin)), 4),
        }
        for answer in answers
    ]
    content = {
        "calibration": asdict(calibration),
        "thresholds": asdict(thresholds),
        "evidence": evidence,
    }
    out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def held_out_answers(run: Path, samples: Sequence[Sample]) -> HeldOutAnswers:
    """Let a run judge the sources that it left out.

    Raises:
        InputError: it left none out, or its files cannot be read.
    """
    try:
        config = json.loads((run / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{run} is no finished training run ({error})") from error
    fold = config.get("fold")
    if fold is None:
        raise InputError(f"{run} left no sources out; train with --fold")
    samples = without_sources(samples, tuple(config["exclude_sources"]))
    splits = read_splits(run / SPLITS_NAME)
    network, spec = load_checkpoint(run / WEIGHTS_NAME)
    own, _ = _margin(network, select(samples, splits, Split.VALIDATION), spec.input_size)
    held_out = select(samples, splits, Split.TEST)
    margin, targets = _margin(network, held_out, spec.input_size)
    sources = tuple(sorted({sample.source for sample in held_out}))
    return HeldOutAnswers(fold, sources, margin / own.std(), targets)


def read_calibration(path: Path) -> tuple[Calibration, Thresholds]:
    """Read what ``calibrate_on_held_out`` wrote.

    Raises:
        InputError: the file cannot be read as that.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        thresholds = content["thresholds"]
        return Calibration(**content["calibration"]), Thresholds(
            ai=tuple(OperatingPoint(**point) for point in thresholds["ai"]),
            default_false_positive_rate=thresholds["default_false_positive_rate"],
            real=thresholds["real"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read the calibration {path}: {error}") from error


def _margin(
    network: Classifier, samples: Sequence[Sample], size: tuple[int, int]
) -> tuple[FloatArray, IntArray]:
    logits, targets = score(network, samples, size)
    difference = logits[:, LABELS.index("ai")] - logits[:, LABELS.index("real")]
    return difference.double().numpy(), targets.numpy()
