"""Figures of a model's answers for labelled pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from sklearn.metrics import confusion_matrix

from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.results import LABELS, VerdictLabel

from ..arrays import BoolArray
from ..metrics.bootstrap import Estimate, Metric, Share, bootstrap
from ..metrics.detector import detector_metrics, mean_of
from .predictions import Answers, Prediction, answers_of

Answer = TypeVar("Answer", bound=str)

VERDICTS = (VerdictLabel.AI, VerdictLabel.UNSURE, VerdictLabel.REAL)
"""Columns of the verdict table."""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """Figures of one source and class.

    Attributes:
        source: its name in the manifest, empty if there is none.
        label: ``ai`` or ``real``.
        count: number of scored pictures.
        recall: share with ``p_ai`` on the right side of 0.5.
        called_ai: share with the verdict ``ai``; for photographs, the false positive rate.
        paired_balanced_accuracy: the mean of ``recall`` and of the recall of all pictures of the
            other class (of the same fold, if every fold has its own model); NaN without any.
        verdicts: number of pictures by verdict.
    """

    source: str
    label: str
    count: int
    recall: Estimate
    called_ai: Estimate
    paired_balanced_accuracy: Estimate
    verdicts: Mapping[VerdictLabel, int]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results of a model on a set of pictures.

    Attributes:
        rule: the verdict thresholds in force; ``None`` if every fold's model has its own.
        predictions: one for each sample, in order.
        metrics: figures by name, see ``metrics.detector_metrics``.
        sources: sorted by class, then name.
        confusion: number of pictures by true label, then by label at ``p_ai >= 0.5``.
        verdicts: number of pictures by true label, then by verdict.
    """

    rule: VerdictRule | None
    predictions: tuple[Prediction, ...]
    metrics: Mapping[str, Estimate]
    sources: tuple[SourceResult, ...]
    confusion: Mapping[str, Mapping[str, int]]
    verdicts: Mapping[str, Mapping[VerdictLabel, int]]

    @property
    def failed(self) -> list[Prediction]:
        """Pictures that could not be scored."""
        return [p for p in self.predictions if p.verdict is None]


def evaluate(predictions: Sequence[Prediction], rule: VerdictRule | None) -> Evaluation:
    """Compute the figures; pictures that could not be scored count in none of them.

    Args:
        predictions: result of ``predict``, with ``fold`` if several models made them.
        rule: verdict rule of the predictions; ``None`` if each fold's model has its own.

    Raises:
        InputError: not one picture could be scored.
    """
    answers = answers_of(predictions)
    labels = [sample.label for sample in answers.samples]
    halves = [LABELS[int(probability >= 0.5)] for probability in answers.p_ai]
    metrics = detector_metrics(
        answers.p_ai,
        answers.targets,
        answers.sources,
        answers.verdicts,
        answers.folds,
    )
    return Evaluation(
        rule=rule,
        predictions=tuple(predictions),
        metrics=bootstrap(metrics, answers.groups),
        sources=_by_source(answers),
        confusion=_count(labels, halves, LABELS),
        verdicts=_count(labels, answers.verdicts, VERDICTS),
    )


def _by_source(answers: Answers) -> tuple[SourceResult, ...]:
    correct = (answers.p_ai >= 0.5) == answers.is_ai
    called_ai = np.asarray(answers.verdicts, dtype=str) == VerdictLabel.AI
    labels = np.array([sample.label for sample in answers.samples])
    keys = [(sample.label, sample.source) for sample in answers.samples]
    members = {
        (label, source): np.array([key == (label, source) for key in keys])
        for label, source in sorted(set(keys))
    }
    metrics: dict[tuple[str, str, str], Metric] = {}
    for (label, source), member in members.items():
        others = (labels != label) & np.isin(answers.folds, answers.folds[member])
        recall = Share(correct, member)
        metrics[label, source, "recall"] = recall
        metrics[label, source, "called_ai"] = Share(called_ai, member)
        metrics[label, source, "paired"] = mean_of(recall, Share(correct, others))
    estimates = bootstrap(metrics, answers.groups)
    return tuple(
        SourceResult(
            source=source,
            label=label,
            count=int(member.sum()),
            recall=estimates[label, source, "recall"],
            called_ai=estimates[label, source, "called_ai"],
            paired_balanced_accuracy=estimates[label, source, "paired"],
            verdicts=_tally(answers.verdicts, member),
        )
        for (label, source), member in members.items()
    )


def _tally(called: Sequence[VerdictLabel], member: BoolArray) -> dict[VerdictLabel, int]:
    chosen = np.asarray(called)[member]
    return {verdict: int((chosen == verdict).sum()) for verdict in VERDICTS}


def _count(
    labels: Sequence[str], answers: Sequence[Answer], columns: Sequence[Answer]
) -> dict[str, dict[Answer, int]]:
    """Return the number of pictures by true label and answer."""
    names = list(dict.fromkeys([*LABELS, *columns]))
    table = confusion_matrix(labels, [str(answer) for answer in answers], labels=names)
    return {
        label: {answer: int(table[names.index(label), names.index(answer)]) for answer in columns}
        for label in LABELS
    }
