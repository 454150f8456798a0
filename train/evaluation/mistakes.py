"""Folder of a model's mistakes, for training on them and for replaying them."""

import csv
import io
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trustthepixels.infer.errors import InputError, OutputError, UsageError, one_line
from trustthepixels.infer.files.labelled import CLASS_FOLDERS, MANIFEST_NAME

from ..data.hard_examples import file_digest
from ..data.manifest import Sample
from ..pictures.tiers import Tier
from .measurement import Measurement, Report
from .parts import PartKind
from .regressions import (
    REGRESSIONS_NAME,
    Regression,
    is_mistake,
    read_regressions,
    regressions_csv,
    replace_text,
)
from .request import EvaluationRequest

_COLUMNS = ("file", "class", "source", "group")
_NAME_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Collected:
    """Pictures that a run added to the folder.

    Attributes:
        new: number of pictures that were not there yet.
        known: number of mistakes that were there already.
    """

    new: int
    known: int


def check_mistakes_request(request: EvaluationRequest) -> None:
    """Refuse a run that cannot collect mistakes, before it starts.

    Raises:
        UsageError: the clean tier, or DATA under MODEL itself, is not measured.
    """
    if Tier.CLEAN not in request.tiers:
        raise UsageError("--mistakes gathers the mistakes of the clean tier; add --tier clean")
    own = request.data.split is not None or request.data.fold is not None
    if request.fold_models and not own:
        raise UsageError("--mistakes needs MODEL measured on DATA; add --split or --fold")


def collect_mistakes(folder: Path, report: Report) -> Collected:
    """Copy every picture of DATA that the model got wrong into ``AI/`` and ``Real/``, and list it.

    ``manifest.csv`` is for ``train --hard``, ``regressions.csv`` for ``evaluate --regressions``.
    Both are extended; existing entries stay. External data is left out: training on it would make
    it useless for measurements.

    Args:
        folder: the folder, new or from an earlier run.
        report: report of a run that ``check_mistakes_request`` accepted.

    Raises:
        InputError: the folder's own content cannot be read.
        OutputError: the folder cannot be written.
    """
    measurement = _own(report)
    wrong = [
        (p.sample, p.verdict.p_ai)
        for p in measurement.evaluation.predictions
        if p.verdict is not None and is_mistake(p.verdict.p_ai, p.sample.label)
    ]
    rows = _read_manifest(folder / MANIFEST_NAME)
    listed = _read_list(folder / REGRESSIONS_NAME)
    known = {row.sha256 for row in listed}
    groups = Counter(p.sample.group for p in measurement.evaluation.predictions)
    note = f"wrong by {report.model.spec.name} {report.model.digest[:12]}"
    before = len(known)
    try:
        for name in CLASS_FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for sample, p_ai in wrong:
            digest = file_digest(sample.path)
            if digest in known:
                continue
            known.add(digest)
            listed.append(Regression(digest, sample.label, p_ai, note=note))
            file = _copy(sample, digest, folder)
            # A group of one groups nothing, and its name may be another's in the next data set.
            group = sample.group if groups[sample.group] > 1 else ""
            source = sample.source or measurement.part.data
            rows.append({"file": file, "class": sample.label, "source": source, "group": group})
        replace_text(folder / MANIFEST_NAME, _table(rows))
        replace_text(folder / REGRESSIONS_NAME, regressions_csv(listed))
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
    new = len(known) - before
    return Collected(new, len(wrong) - new)


def _own(report: Report) -> Measurement:
    """Return the clean measurement of DATA under the model itself."""
    return next(
        one
        for one in report.measurements
        if one.tier is Tier.CLEAN
        and one.part.kind is not PartKind.EXTERNAL
        and all(report.scorers[portion.model] is report.model for portion in one.part.portions)
    )


def _copy(sample: Sample, digest: str, folder: Path) -> str:
    name = next(name for name, label in CLASS_FOLDERS.items() if label == sample.label)
    file = f"{name}/{digest[:_NAME_DIGITS]}{sample.path.suffix.lower()}"
    shutil.copyfile(sample.path, folder / file)
    return file


def _read_manifest(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [{name: row[name] or "" for name in _COLUMNS} for row in csv.DictReader(stream)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise InputError(f"cannot extend {path}: {one_line(error)}") from error


def _read_list(path: Path) -> list[Regression]:
    return read_regressions(path) if path.exists() else []


def _table(rows: Sequence[dict[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: row["file"]))
    return stream.getvalue()
