"""List of pictures that a model once got wrong, replayed to detect repeated mistakes."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path

from trustthepixels.infer.errors import InputError, OutputError, one_line
from trustthepixels.infer.files.labelled import files_in_class_folders
from trustthepixels.infer.results import LABELS
from trustthepixels.infer.system.terminal import printable

from ..data.hard_examples import file_digest
from ..data.manifest import Sample
from .predictions import Prediction, predict
from .scorer import Scorer

REGRESSIONS_NAME = "regressions.csv"


@dataclass(frozen=True, slots=True)
class Regression:
    """One row of the list.

    Attributes:
        sha256: of the file's content, hex; the picture itself need not be published.
        label: true label, ``ai`` or ``real``.
        p_ai: the model's answer when the picture was listed.
        fixed: first model that got it right, which binds all later ones; empty until then.
        note: free text.
    """

    sha256: str
    label: str
    p_ai: float
    fixed: str = ""
    note: str = ""


class Outcome(StrEnum):
    """Outcome of a listed picture."""

    WRONG_AGAIN = "wrong again"
    STILL_RIGHT = "still right"
    NOW_RIGHT = "now right"
    STILL_WRONG = "still wrong"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A row of the list after a replay.

    Attributes:
        regression: the row.
        outcome: outcome of the picture.
        p_ai: the model's answer now; ``None`` if the picture is missing or unreadable.
    """

    regression: Regression
    outcome: Outcome
    p_ai: float | None = None


def is_mistake(p_ai: float, label: str) -> bool:
    """Return whether a probability is on the wrong side of 0.5, as in contact sheets and
    recalls."""
    return (p_ai >= 0.5) != (label == "ai")


def read_regressions(path: Path) -> list[Regression]:
    """Return the rows of a list, in their order.

    Raises:
        InputError: the list cannot be read, or a row is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [_parsed(row) for row in csv.DictReader(stream)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"cannot read the list {path}: {one_line(error)}") from error
    return rows


def regressions_csv(rows: Iterable[Regression]) -> str:
    """Return the list as text, sorted by digest."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([field.name for field in fields(Regression)])
    for row in sorted(rows, key=lambda row: row.sha256):
        writer.writerow([row.sha256, row.label, f"{row.p_ai:.6f}", row.fixed, row.note])
    return stream.getvalue()


def write_regressions(folder: Path, rows: Iterable[Regression]) -> None:
    """Replace the folder's list.

    Raises:
        OutputError: the list cannot be written.
    """
    try:
        replace_text(folder / REGRESSIONS_NAME, regressions_csv(rows))
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error


def replace_text(path: Path, text: str) -> None:
    """Write a file that other processes see whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def replay(folder: Path, scorer: Scorer) -> list[Replayed]:
    """Score every picture of the folder's list again.

    Args:
        folder: folder with ``regressions.csv``, and the pictures in ``AI/`` and ``Real/``.
        scorer: the model.

    Raises:
        InputError: the list or a picture cannot be read.
    """
    listed = read_regressions(folder / REGRESSIONS_NAME)
    found = {file_digest(file.path): Sample.of(file) for file in files_in_class_folders(folder)}
    present = [row for row in listed if row.sha256 in found]
    samples = [found[row.sha256] for row in present]
    predictions = predict(samples, scorer, scorer.spec.rule())
    answers = dict(zip((row.sha256 for row in present), predictions, strict=True))
    return [_judged(row, answers.get(row.sha256)) for row in listed]


def record_fixed(replayed: Iterable[Replayed], model: str) -> list[Regression]:
    """Return the list with every picture that the model now gets right marked as fixed."""
    return [
        replace(one.regression, fixed=model) if one.outcome is Outcome.NOW_RIGHT else one.regression
        for one in replayed
    ]


def replay_text(replayed: Sequence[Replayed], scorer: Scorer) -> str:
    """Return the replay for the terminal: mistakes in full, the rest as numbers."""
    lines = [f"model     {scorer.file}: {scorer.spec.name}, {scorer.spec.precision}"]
    for outcome in Outcome:
        chosen = [one for one in replayed if one.outcome is outcome]
        lines.append(f"{outcome:<13}{len(chosen):>6}")
        if outcome in (Outcome.WRONG_AGAIN, Outcome.NOT_CHECKED):
            lines += [_line(one) for one in chosen]
    return "\n".join(lines)


def _parsed(row: dict[str, str]) -> Regression:
    p_ai = float(row["p_ai"])
    if row["label"] not in LABELS or len(row["sha256"]) != 64 or not 0.0 <= p_ai <= 1.0:
        raise ValueError(f"a row is damaged: {row}")
    return Regression(row["sha256"].lower(), row["label"], p_ai, row["fixed"], row["note"])


def _judged(row: Regression, prediction: Prediction | None) -> Replayed:
    if prediction is None or prediction.verdict is None:
        return Replayed(row, Outcome.NOT_CHECKED)
    p_ai = prediction.verdict.p_ai
    if is_mistake(p_ai, row.label):
        return Replayed(row, Outcome.WRONG_AGAIN if row.fixed else Outcome.STILL_WRONG, p_ai)
    return Replayed(row, Outcome.STILL_RIGHT if row.fixed else Outcome.NOW_RIGHT, p_ai)


def _line(one: Replayed) -> str:
    row = one.regression
    now = "no such picture, or not readable" if one.p_ai is None else f"p_ai {one.p_ai:.3f}"
    fixed = f", fixed by {row.fixed}" if row.fixed else ""
    note = f"; {row.note}" if row.note else ""
    return printable(f"  {row.sha256[:16]} is {row.label}: {now}, was {row.p_ai:.3f}{fixed}{note}")
