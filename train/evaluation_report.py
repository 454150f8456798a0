"""An evaluation as text for the terminal, and as files that others can read."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trustthepixels.infer.commands.terminal import printable
from trustthepixels.infer.spec import LABELS

from .bootstrap import CONFIDENCE, RESAMPLES, SEED, Estimate
from .evaluate import VERDICTS, Evaluation
from .manifest import fingerprint
from .metrics import CALIBRATION_BINS, CONFIDENT
from .scoring import Scorer
from .tiers import Tier

SCHEMA_VERSION = 1
EVALUATION_NAME = "evaluation.json"
PREDICTIONS_NAME = "predictions.csv"

TITLES = {
    "balanced_accuracy": "balanced accuracy",
    "mean_source_balanced_accuracy": "balanced accuracy, by source",
    "accuracy": "accuracy",
    "auc": "area under ROC",
    "tpr_at_fpr_1pct": "true positive rate at 1% FPR",
    "tpr_at_fpr_5pct": "true positive rate at 5% FPR",
    "recall_ai": "recall of AI pictures",
    "recall_real": "recall of photographs",
    "false_positive_rate_verdict": "photographs with verdict ai",
    "false_positive_rate_p50": "photographs with p_ai >= 0.5",
    "true_positive_rate_verdict": "AI pictures with verdict ai",
    "false_negative_rate_verdict": "AI pictures with verdict real",
    "coverage": "coverage (not unsure)",
    "accuracy_when_sure": "accuracy where not unsure",
    "confident_mistakes": f"wrong at confidence >= {CONFIDENT}",
    "expected_calibration_error": f"calibration error ({CALIBRATION_BINS} bins)",
}
"""The figures in the order of the table, as a reader knows them."""

_FRACTIONS = frozenset({"auc", "expected_calibration_error"})
"""Figures that are no percentages."""

_MAX_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """What was evaluated on what.

    Attributes:
        scorer: the model.
        data: name of the data set's folder or manifest.
        split: the split that was chosen, empty for all pictures.
        excluded_sources: sources that were left out.
        tier: what happened to the pictures.
    """

    scorer: Scorer
    data: str
    split: str = ""
    excluded_sources: tuple[str, ...] = ()
    tier: Tier = Tier.CLEAN


def write_json(path: Path, subject: Subject, evaluation: Evaluation) -> None:
    """Write everything but the single predictions; equal evaluations give equal bytes."""
    text = json.dumps(_document(subject, evaluation), indent=2, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_predictions(path: Path, evaluation: Evaluation) -> None:
    """Write one row a picture; ``p_ai`` and ``verdict`` are empty where ``status`` is not ok."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "label", "source", "p_ai", "verdict", "status"])
        for prediction in evaluation.predictions:
            sample, verdict = prediction.sample, prediction.verdict
            answer = (f"{verdict.p_ai:.6f}", verdict.label) if verdict else ("", "")
            writer.writerow([sample.file, sample.label, sample.source, *answer, prediction.status])


def terminal_table(subject: Subject, evaluation: Evaluation) -> str:
    """The evaluation as text, without a newline at its end."""
    blocks = [
        _heading(subject, evaluation),
        _figures(evaluation.metrics),
        _verdicts(evaluation),
        _sources(evaluation),
        _failures(evaluation),
    ]
    return "\n\n".join("\n".join(block) for lines in blocks if (block := list(lines)))


def _heading(subject: Subject, evaluation: Evaluation) -> Iterator[str]:
    spec, rule = subject.scorer.spec, evaluation.rule
    parts = [subject.data, subject.split and f"split {subject.split}", f"tier {subject.tier}"]
    if subject.excluded_sources:
        parts.append(f"without {', '.join(subject.excluded_sources)}")
    counts = [f"{sum(evaluation.verdicts[label].values())} {label}" for label in reversed(LABELS)]
    yield f"model     {subject.scorer.file}: {spec.name}, {spec.precision}"
    yield f"data      {', '.join(part for part in parts if part)}"
    yield f"pictures  {', '.join(counts)}, {len(evaluation.failed)} not decodable"
    yield f"verdicts  ai from p_ai {rule.ai:.4f}, real below {rule.real:.4f}, unsure between"


def _figures(metrics: Mapping[str, Estimate]) -> Iterator[str]:
    yield f"{'figure':<31}{'value':>8}   {CONFIDENCE:.0%} interval"
    for name, title in TITLES.items():
        value, interval = _text(metrics[name], percent=name not in _FRACTIONS)
        yield f"{title:<31}{value:>8}   {interval}"


def _verdicts(evaluation: Evaluation) -> Iterator[str]:
    columns = [f"{verdict:>8}" for verdict in VERDICTS]
    yield f"{'verdict':<12}{''.join(columns)}{'p>=0.5':>10}{'p<0.5':>8}"
    for label in reversed(LABELS):
        verdicts = "".join(f"{evaluation.verdicts[label][verdict]:>8}" for verdict in VERDICTS)
        halves = evaluation.confusion[label]
        yield f"{'true ' + label:<12}{verdicts}{halves['ai']:>10}{halves['real']:>8}"


def _sources(evaluation: Evaluation) -> Iterator[str]:
    if not any(result.source for result in evaluation.sources):
        return
    names = [printable(result.source) or "-" for result in evaluation.sources]
    width = 2 + max(len(name) for name in names)
    header = f"{'source':<{width}}{'class':<6}{'n':>6}{'recall':>9}   {'interval':<15}{'paired':>7}"
    yield header + "".join(f"{verdict:>8}" for verdict in VERDICTS)
    for name, result in zip(names, evaluation.sources, strict=True):
        recall, interval = _text(result.recall, percent=True)
        paired = result.paired_balanced_accuracy
        row = f"{name:<{width}}{result.label:<6}{result.count:>6}{recall:>9}   {interval:<15}"
        row += f"{'-' if math.isnan(paired) else f'{paired:.1%}':>7}"
        yield row + "".join(f"{result.verdicts[verdict]:>8}" for verdict in VERDICTS)
    yield "paired: balanced accuracy of the source's recall and the whole other class's"


def _failures(evaluation: Evaluation) -> Iterator[str]:
    failed = evaluation.failed
    if not failed:
        return
    yield f"not decodable, and in none of the figures: {len(failed)}"
    for prediction in failed[:_MAX_FAILURES]:
        yield f"  {printable(prediction.sample.file)}: {prediction.status} ({prediction.error})"
    if len(failed) > _MAX_FAILURES:
        yield f"  and {len(failed) - _MAX_FAILURES} more"


def _text(estimate: Estimate, *, percent: bool) -> tuple[str, str]:
    """Value and interval as the table shows them."""
    if math.isnan(estimate.value):
        return "-", ""
    if math.isnan(estimate.low):
        return f"{estimate.value:.1%}" if percent else f"{estimate.value:.3f}", "(one group)"
    if percent:
        low, high = 100.0 * estimate.low, 100.0 * estimate.high
        return f"{estimate.value:.1%}", f"{low:.1f} to {high:.1f}"
    return f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}"


def _document(subject: Subject, evaluation: Evaluation) -> dict[str, Any]:
    spec = subject.scorer.spec
    return {
        "schema_version": SCHEMA_VERSION,
        "model": {
            "file": subject.scorer.file,
            "sha256": subject.scorer.digest,
            "name": spec.name,
            "architecture": spec.architecture,
            "precision": spec.precision,
        },
        "data": {
            "name": subject.data,
            "split": subject.split,
            "excluded_sources": sorted(subject.excluded_sources),
            "tier": subject.tier,
            "fingerprint": fingerprint(p.sample for p in evaluation.predictions),
            "scored": {label: sum(evaluation.verdicts[label].values()) for label in LABELS},
            "failed": [
                {"file": p.sample.file, "status": p.status, "error": p.error}
                for p in evaluation.failed
            ],
        },
        "thresholds": {"ai": evaluation.rule.ai, "real": evaluation.rule.real},
        "bootstrap": {"resamples": RESAMPLES, "confidence": CONFIDENCE, "seed": SEED},
        "metrics": {name: _numbers(value) for name, value in evaluation.metrics.items()},
        "confusion": evaluation.confusion,
        "verdicts": evaluation.verdicts,
        "sources": [
            {
                "source": result.source,
                "class": result.label,
                "n": result.count,
                "recall": _numbers(result.recall),
                "paired_balanced_accuracy": _number(result.paired_balanced_accuracy),
                "verdicts": result.verdicts,
            }
            for result in evaluation.sources
        ],
    }


def _numbers(estimate: Estimate) -> dict[str, float | None]:
    fields: Sequence[tuple[str, float]] = [
        ("value", estimate.value),
        ("low", estimate.low),
        ("high", estimate.high),
    ]
    return {name: _number(value) for name, value in fields}


def _number(value: float) -> float | None:
    """Six decimals: below that, processors differ."""
    return None if math.isnan(value) else round(value, 6)
