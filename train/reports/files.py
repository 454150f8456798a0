"""Files of an evaluation: JSON, predictions, plots and the page."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.results import LABELS

from ..data.manifest import fingerprint
from ..evaluation.figures import SourceResult
from ..evaluation.goals import TargetResult, check_targets
from ..evaluation.leaks.probe import LeakProbe
from ..evaluation.measurement import Measurement, Report
from ..evaluation.parts import Part
from ..evaluation.scorer import Scorer
from ..metrics.bootstrap import CONFIDENCE, RESAMPLES, SEED, Estimate
from .contact_sheet import draw_contact_sheet, worst_mistakes
from .html import write_html
from .plots import draw_histogram, draw_reliability, draw_roc, draw_tiers

SCHEMA_VERSION = 3

_COLUMNS = (
    *("data", "split", "fold", "tier", "file", "label", "source"),
    *("p_ai", "verdict", "status"),
)


def write_json(path: Path, report: Report) -> None:
    """Write everything except single predictions; equal evaluations make equal bytes."""
    text = json.dumps(_document(report), indent=2, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_predictions(path: Path, report: Report) -> None:
    """Write one row for each picture and tier; ``p_ai`` and ``verdict`` are empty unless ``ok``."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for measurement in report.measurements:
            part = measurement.part
            for prediction in measurement.evaluation.predictions:
                sample, verdict = prediction.sample, prediction.verdict
                answer = (f"{verdict.p_ai:.6f}", verdict.label) if verdict else ("", "")
                fold = "" if prediction.fold is None else prediction.fold
                where = (part.data, part.kind, fold, measurement.tier)
                what = (sample.file, sample.label, sample.source)
                writer.writerow([*where, *what, *answer, prediction.status])


def _document(report: Report) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "model": _model(report.model),
        "thresholds": {"ai": report.rule.ai, "real": report.rule.real},
        "bootstrap": {"resamples": RESAMPLES, "confidence": CONFIDENCE, "seed": SEED},
        "targets": [_target(result) for result in check_targets(report)],
        "measurements": [_measurement(report, one) for one in report.measurements],
        "leak_probes": [_probe(probe) for probe in report.probes],
    }


def _model(scorer: Scorer) -> dict[str, str]:
    return {
        "file": scorer.file,
        "sha256": scorer.digest,
        "name": scorer.spec.name,
        "architecture": scorer.spec.architecture,
        "precision": scorer.spec.precision,
    }


def _target(result: TargetResult) -> dict[str, Any]:
    goal, part = result.goal, result.part
    return {
        "metric": goal.metric,
        "split": goal.kind,
        "tier": goal.tier,
        "direction": goal.direction,
        "bound": goal.bound,
        "status": result.status,
        "data": part.data if part else None,
        "measured": _numbers(result.estimate) if result.estimate else None,
        "interval_on_one_side": result.is_certain,
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.data,
        "split": part.kind,
        "folds": part.folds,
        "excluded_sources": sorted(part.excluded_sources),
    }


def _measurement(report: Report, measurement: Measurement) -> dict[str, Any]:
    part, evaluation = measurement.part, measurement.evaluation
    rule = evaluation.rule
    return {
        "data": {
            **_part(part),
            "fingerprint": fingerprint(part.samples),
            "scored": {label: sum(evaluation.verdicts[label].values()) for label in LABELS},
            "failed": [
                {"file": p.sample.file, "status": p.status, "error": p.error}
                for p in evaluation.failed
            ],
        },
        "tier": measurement.tier,
        "models": [
            {
                "fold": portion.fold,
                "trained_on": portion.trained_on,
                **_model(report.scorers[portion.model]),
            }
            for portion in part.portions
        ],
        "thresholds": {"ai": rule.ai, "real": rule.real} if rule else None,
        "metrics": {name: _numbers(value) for name, value in evaluation.metrics.items()},
        "confusion": evaluation.confusion,
        "verdicts": evaluation.verdicts,
        "sources": [_source(result) for result in evaluation.sources],
    }


def _source(result: SourceResult) -> dict[str, Any]:
    return {
        "source": result.source,
        "class": result.label,
        "n": result.count,
        "recall": _numbers(result.recall),
        "false_positive_rate": _numbers(result.called_ai) if result.label == "real" else None,
        "paired_balanced_accuracy": _numbers(result.paired_balanced_accuracy),
        "verdicts": result.verdicts,
    }


def _probe(probe: LeakProbe) -> dict[str, Any]:
    return {
        "data": _part(probe.part),
        "file_facts": [
            {"stage": one.stage, "balanced_accuracy": _numbers(one.balanced_accuracy)}
            for one in probe.facts
        ],
        "swapped_codec": [
            {
                "class": one.label,
                "codec": one.codec,
                "n": one.count,
                "mean_change": _numbers(one.mean_change),
                "mean_absolute_change": _numbers(one.mean_absolute_change),
                "verdict_changes": _numbers(one.verdict_changes),
            }
            for one in probe.swaps
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
    """Return a number of six decimals: below that, processors differ."""
    return None if math.isnan(value) else round(value, 6)


EVALUATION_NAME = "evaluation.json"


PREDICTIONS_NAME = "predictions.csv"


HTML_NAME = "report.html"


def write_evaluation(folder: Path, report: Report) -> None:
    """Write the JSON, the predictions, the pictures and the page into a folder that exists.

    Raises:
        OutputError: a file cannot be written.
    """
    with _writing(folder):
        write_predictions(folder / PREDICTIONS_NAME, report)
        for measurements in report.by_part:
            if len(measurements) > 1:
                draw_tiers(measurements, folder / f"{measurements[0].part.slug}-tiers.png")
        for measurement in report.measurements:
            _draw(measurement, f"{report.model.spec.name}, {measurement.title}", folder)
        write_html(folder / HTML_NAME, report)
        write_json(folder / EVALUATION_NAME, report)


def prepare_folder(folder: Path) -> None:
    """Create the output folder, before the work starts.

    Raises:
        OutputError: it cannot be made.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _draw(measurement: Measurement, title: str, folder: Path) -> None:
    evaluation, slug = measurement.evaluation, measurement.slug
    draw_roc(evaluation, title, folder / f"{slug}-roc.png")
    draw_reliability(evaluation, title, folder / f"{slug}-reliability.png")
    draw_histogram(evaluation, title, folder / f"{slug}-histogram.png")
    mistakes = worst_mistakes(evaluation)
    draw_contact_sheet(mistakes, measurement.tier, title, folder / f"{slug}-mistakes.png")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
