"""Labelled pictures scored through the real decode path, one prediction for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from trustthepixels.infer.errors import ImageError, InputError
from trustthepixels.infer.images.decode import ModelInput
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.results import FileStatus, Verdict, VerdictLabel

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.manifest import Sample, targets_of
from ..pictures.batches import in_batches
from ..pictures.load import see_picture
from .scorer import Scorer

See = Callable[[Sample, InputShape], ModelInput]
"""Function that returns a picture as the model sees it, or raises ``ImageError``."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Outcome of one labelled picture.

    Attributes:
        sample: the picture.
        status: ``ok``, or the reason why it could not be scored.
        verdict: ``None`` if ``status`` is not ``ok``.
        error: one line of reason if ``status`` is not ``ok``, else empty.
        fold: number of the fold whose own model answered; ``None`` if one model answers for all.
    """

    sample: Sample
    status: FileStatus
    verdict: Verdict | None = None
    error: str = ""
    fold: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Scored pictures, as columns.

    Attributes:
        samples: the pictures.
        verdicts: verdict on each picture.
        p_ai: shape (n,).
        folds: fold of each picture; -1 if one model answers for all.
    """

    samples: tuple[Sample, ...]
    verdicts: tuple[VerdictLabel, ...]
    p_ai: FloatArray
    folds: IntArray

    @property
    def targets(self) -> IntArray:
        """Indices into ``LABELS``, shape (n,)."""
        return targets_of(self.samples)

    @property
    def is_ai(self) -> BoolArray:
        """True for each AI picture, shape (n,)."""
        return np.array([sample.label == "ai" for sample in self.samples])

    @property
    def sources(self) -> list[str]:
        """Source of each picture."""
        return [sample.source for sample in self.samples]

    @property
    def groups(self) -> list[str]:
        """Group of each picture."""
        return [sample.group for sample in self.samples]


def answers_of(predictions: Sequence[Prediction]) -> Answers:
    """Return the scored pictures among them, in order.

    Raises:
        InputError: no picture could be scored.
    """
    scored = [(p.sample, p.verdict, p.fold) for p in predictions if p.verdict is not None]
    if not scored:
        raise InputError(f"none of the {len(predictions)} pictures could be decoded")
    return Answers(
        samples=tuple(sample for sample, _, _ in scored),
        verdicts=tuple(verdict.label for _, verdict, _ in scored),
        p_ai=np.array([verdict.p_ai for _, verdict, _ in scored], dtype=np.float64),
        folds=np.array([-1 if fold is None else fold for _, _, fold in scored]),
    )


def predict(
    samples: Sequence[Sample],
    scorer: Scorer,
    rule: VerdictRule,
    see: See = see_picture,
    *,
    batch_size: int = 32,
    decode_threads: int = 2,
    progress: Callable[[int], object] = lambda count: None,
) -> list[Prediction]:
    """Score labelled pictures through the real decode path, one prediction for each, in order.

    Args:
        samples: pictures to score.
        scorer: the model.
        rule: rule from ``p_ai`` to verdicts.
        see: returns a picture in the form that is measured, or raises ``ImageError``.
        batch_size: pictures per call of the model.
        decode_threads: threads that read, decode and preprocess.
        progress: called with the number of pictures just finished.
    """
    look = partial(_look, see=see, shape=scorer.spec.input_shape)
    predictions: list[Prediction] = []
    for batch in in_batches(samples, look, batch_size, decode_threads):
        pixels = [seen.pixels for seen in batch if isinstance(seen, ModelInput)]
        p_ai = iter(scorer.score(np.stack(pixels)).tolist() if pixels else ())
        for seen in batch:
            sample = samples[len(predictions)]
            if isinstance(seen, ImageError):
                predictions.append(Prediction(sample, seen.status, error=seen.reason))
            else:
                verdict = rule(next(p_ai), seen.doubt)
                predictions.append(Prediction(sample, FileStatus.OK, verdict))
        progress(len(batch))
    return predictions


def _look(sample: Sample, see: See, shape: InputShape) -> ModelInput | ImageError:
    try:
        return see(sample, shape)
    except ImageError as error:
        return error
