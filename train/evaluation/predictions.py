"""Labelled pictures scored through the real decode path, one prediction for each."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from trustthepixels.infer.errors import ImageError, InputError
from trustthepixels.infer.images.decode import ModelInput
from trustthepixels.infer.images.doubts import doubt_of
from trustthepixels.infer.images.preprocess import PixelArray
from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.results import Doubt, FileStatus, Verdict, VerdictLabel

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.manifest import Sample
from ..pictures.load import see_picture
from .scorer import Scorer

In = TypeVar("In")
Out = TypeVar("Out")

See = Callable[[Sample, tuple[int, int]], ModelInput]
"""Gives a picture at the model's size (height, width), or raises ``ImageError``."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What became of one labelled picture.

    Attributes:
        sample: the picture.
        status: ``ok``, or why it could not be scored.
        verdict: ``None`` where ``status`` is not ``ok``.
        error: one line of reason where ``status`` is not ``ok``, else empty.
        fold: number of the fold whose own model answered; ``None`` where one model answers for all.
    """

    sample: Sample
    status: FileStatus
    verdict: Verdict | None = None
    error: str = ""
    fold: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The pictures that could be scored, as columns.

    Attributes:
        samples: the pictures.
        verdicts: on each.
        p_ai: shape (n,).
        folds: of each, -1 where one model answers for all.
    """

    samples: tuple[Sample, ...]
    verdicts: tuple[VerdictLabel, ...]
    p_ai: FloatArray
    folds: IntArray

    @property
    def targets(self) -> IntArray:
        """Indices into ``LABELS``, shape (n,)."""
        return np.array([sample.target for sample in self.samples])

    @property
    def is_ai(self) -> BoolArray:
        """Whether each is an AI picture, shape (n,)."""
        return np.array([sample.label == "ai" for sample in self.samples])

    @property
    def sources(self) -> list[str]:
        """Of each picture."""
        return [sample.source for sample in self.samples]

    @property
    def groups(self) -> list[str]:
        """Of each picture."""
        return [sample.group for sample in self.samples]


def answers_of(predictions: Sequence[Prediction]) -> Answers:
    """The scored pictures among them, in order.

    Raises:
        InputError: not one picture could be scored.
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
        samples: what to score.
        scorer: the model.
        rule: from ``p_ai`` to verdicts.
        see: gives the picture as the model shall meet it, or raises ``ImageError``.
        batch_size: pictures per call of the model.
        decode_threads: threads that read, decode and preprocess.
        progress: called with the number of pictures just finished.
    """
    look = partial(_look, see=see, size=scorer.spec.input_size)
    predictions: dict[int, Prediction] = {}
    waiting: list[tuple[int, _Seen]] = []

    def score_waiting() -> None:
        p_ai = scorer.score(np.stack([seen.pixels for _, seen in waiting]))
        for (index, seen), probability in zip(waiting, p_ai.tolist(), strict=True):
            verdict = rule(probability, seen.doubt)
            predictions[index] = Prediction(samples[index], FileStatus.OK, verdict)
        progress(len(waiting))
        waiting.clear()

    for index, seen in enumerate(_in_threads(look, samples, decode_threads, 2 * batch_size)):
        if isinstance(seen, ImageError):
            predictions[index] = Prediction(samples[index], seen.status, error=seen.reason)
            progress(1)
        else:
            waiting.append((index, seen))
        if len(waiting) == batch_size:
            score_waiting()
    if waiting:
        score_waiting()
    return [predictions[index] for index in range(len(samples))]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the model sees of a picture, uint8 (height, width, 3), and whether it may judge."""

    pixels: PixelArray
    doubt: Doubt | None


def _look(sample: Sample, see: See, size: tuple[int, int]) -> _Seen | ImageError:
    try:
        seen = see(sample, size)
    except ImageError as error:
        return error
    return _Seen(seen.pixels, doubt_of(seen.header.width, seen.header.height, seen.pixels))


def _in_threads(
    work: Callable[[In], Out], items: Sequence[In], threads: int, ahead: int
) -> Iterator[Out]:
    """Results in order, with at most ``ahead`` of them waiting in memory."""
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Out]] = deque()
        for item in items:
            if len(pending) == ahead:
                yield pending.popleft().result()
            pending.append(pool.submit(work, item))
        while pending:
            yield pending.popleft().result()
