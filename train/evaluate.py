"""Score labelled pictures and work out every figure about them."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from PIL import Image
from sklearn.metrics import confusion_matrix
from trustthepixels.infer.decode import Limits, decode
from trustthepixels.infer.errors import ImageError, InputError
from trustthepixels.infer.preprocess import PixelArray, resize
from trustthepixels.infer.read import read_file
from trustthepixels.infer.results import FileStatus, Verdict, VerdictLabel
from trustthepixels.infer.spec import LABELS, VerdictRule

from .bootstrap import BoolArray, Estimate, FloatArray, Share, bootstrap
from .manifest import Sample
from .metrics import IntArray, detector_metrics
from .scoring import Scorer
from .tiers import Tier, degrade

In = TypeVar("In")
Out = TypeVar("Out")
Answer = TypeVar("Answer", bound=str)

VERDICTS = (VerdictLabel.AI, VerdictLabel.UNSURE, VerdictLabel.REAL)
"""Columns of the verdict table."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What became of one labelled picture.

    Attributes:
        sample: the picture.
        status: ``ok``, or why it could not be scored.
        verdict: ``None`` where ``status`` is not ``ok``.
        error: one line of reason where ``status`` is not ``ok``, else empty.
    """

    sample: Sample
    status: FileStatus
    verdict: Verdict | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """The figures of one source and class.

    Attributes:
        source: its name in the manifest, empty if none is given.
        label: ``ai`` or ``real``.
        count: number of pictures that were scored.
        recall: share with ``p_ai`` on the right side of 0.5.
        paired_balanced_accuracy: the mean of that and of the recall of all pictures of the other
            class; NaN where there are none.
        verdicts: number of pictures by verdict.
    """

    source: str
    label: str
    count: int
    recall: Estimate
    paired_balanced_accuracy: float
    verdicts: Mapping[VerdictLabel, int]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was found out about a model on a set of pictures.

    Attributes:
        rule: the verdict thresholds in force.
        predictions: one for each sample, in order.
        metrics: figures by name, see ``metrics.detector_metrics``.
        sources: sorted by class, then name.
        confusion: number of pictures by true label, then by label at ``p_ai >= 0.5``.
        verdicts: number of pictures by true label, then by verdict.
    """

    rule: VerdictRule
    predictions: tuple[Prediction, ...]
    metrics: Mapping[str, Estimate]
    sources: tuple[SourceResult, ...]
    confusion: Mapping[str, Mapping[str, int]]
    verdicts: Mapping[str, Mapping[VerdictLabel, int]]

    @property
    def failed(self) -> list[Prediction]:
        """The pictures that could not be scored."""
        return [p for p in self.predictions if p.verdict is None]


def predict(
    samples: Sequence[Sample],
    scorer: Scorer,
    rule: VerdictRule,
    tier: Tier = Tier.CLEAN,
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
        tier: what happens to each picture between decoding and preprocessing.
        batch_size: pictures per call of the model.
        decode_threads: threads that read, decode and preprocess.
        progress: called with the number of pictures just finished.
    """
    load = partial(_load_pixels, tier=tier, size=scorer.spec.input_size)
    predictions: dict[int, Prediction] = {}
    waiting: list[tuple[int, PixelArray]] = []

    def score_waiting() -> None:
        p_ai = scorer.score(np.stack([pixels for _, pixels in waiting]))
        for (index, _), probability in zip(waiting, p_ai.tolist(), strict=True):
            predictions[index] = Prediction(samples[index], FileStatus.OK, rule(probability))
        progress(len(waiting))
        waiting.clear()

    for index, pixels in enumerate(_in_threads(load, samples, decode_threads, 2 * batch_size)):
        if isinstance(pixels, ImageError):
            sample = samples[index]
            predictions[index] = Prediction(sample, pixels.status, error=pixels.reason)
            progress(1)
        else:
            waiting.append((index, pixels))
        if len(waiting) == batch_size:
            score_waiting()
    if waiting:
        score_waiting()
    return [predictions[index] for index in range(len(samples))]


def evaluate(predictions: Sequence[Prediction], rule: VerdictRule) -> Evaluation:
    """Work out the figures; pictures that could not be scored count in none of them.

    Args:
        predictions: as ``predict`` gives them.
        rule: the verdict rule that they were made with.

    Raises:
        InputError: not one picture could be scored.
    """
    scored = [(p.sample, p.verdict) for p in predictions if p.verdict is not None]
    if not scored:
        raise InputError(f"none of the {len(predictions)} pictures could be decoded")
    p_ai = np.array([verdict.p_ai for _, verdict in scored], dtype=np.float64)
    targets = np.array([sample.target for sample, _ in scored])
    sources = [sample.source for sample, _ in scored]
    groups = [sample.group for sample, _ in scored]
    called = [verdict.label for _, verdict in scored]
    labels = [sample.label for sample, _ in scored]
    halves = [LABELS[int(probability >= 0.5)] for probability in p_ai]
    return Evaluation(
        rule=rule,
        predictions=tuple(predictions),
        metrics=bootstrap(detector_metrics(p_ai, targets, sources, rule), groups),
        sources=_by_source([sample for sample, _ in scored], called, p_ai, targets),
        confusion=_count(labels, halves, LABELS),
        verdicts=_count(labels, called, VERDICTS),
    )


def load_picture(sample: Sample, tier: Tier) -> Image.Image:
    """The upright RGB picture as the model meets it, before the resize.

    Raises:
        ImageError: it cannot be read or decoded.
    """
    limits = Limits()
    content = read_file(os.fsencode(sample.path), limits.max_bytes)
    return degrade(decode(content, limits).image, tier)


def _load_pixels(sample: Sample, tier: Tier, size: tuple[int, int]) -> PixelArray | ImageError:
    try:
        return resize(load_picture(sample, tier), size)
    except ImageError as error:
        return error


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


def _by_source(
    samples: Sequence[Sample],
    called: Sequence[VerdictLabel],
    p_ai: FloatArray,
    targets: IntArray,
) -> tuple[SourceResult, ...]:
    keys = [(sample.label, sample.source) for sample in samples]
    members = {
        (label, source): np.array([key == (label, source) for key in keys])
        for label, source in sorted(set(keys))
    }
    correct = (p_ai >= 0.5) == (targets == LABELS.index("ai"))
    recalls = bootstrap(
        {key: Share(correct, member) for key, member in members.items()},
        [sample.group for sample in samples],
    )
    pooled = {
        label: float(correct[targets == index].mean()) if (targets == index).any() else math.nan
        for index, label in enumerate(LABELS)
    }
    other = dict(zip(LABELS, reversed(LABELS), strict=True))
    return tuple(
        SourceResult(
            source=source,
            label=label,
            count=int(member.sum()),
            recall=recalls[label, source],
            paired_balanced_accuracy=0.5 * (recalls[label, source].value + pooled[other[label]]),
            verdicts=_tally(called, member),
        )
        for (label, source), member in members.items()
    )


def _tally(called: Sequence[VerdictLabel], member: BoolArray) -> dict[VerdictLabel, int]:
    chosen = np.asarray(called)[member]
    return {verdict: int((chosen == verdict).sum()) for verdict in VERDICTS}


def _count(
    labels: Sequence[str], answers: Sequence[Answer], columns: Sequence[Answer]
) -> dict[str, dict[Answer, int]]:
    """Number of pictures by true label and answer."""
    names = list(dict.fromkeys([*LABELS, *columns]))
    table = confusion_matrix(labels, [str(answer) for answer in answers], labels=names)
    return {
        label: {answer: int(table[names.index(label), names.index(answer)]) for answer in columns}
        for label in LABELS
    }
