"""Agreement of contestants' answers: if they differ, a comparison of speed is void."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trustthepixels.infer.model.spec import Calibration
from trustthepixels.infer.model.verdicts import VerdictRule

SAME_WEIGHTS = 0.02
"""Largest difference of ``p_ai`` with equal float32 weights: decoders and kernels round."""

P_AI = dict[str, float]
"""Probabilities by file name."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Comparison of one contestant's answers with the reference's.

    Attributes:
        images: number of compared images, which are all.
        largest: largest difference of ``p_ai``.
        mean: mean difference of ``p_ai``.
        verdicts: share of pictures with the same verdict, 0 to 1.
    """

    images: int
    largest: float
    mean: float
    verdicts: float

    def is_void(self, tolerance: float | None) -> bool:
        """Return whether the answers differ by more than a tolerance; ``None`` allows all."""
        return tolerance is not None and self.largest > tolerance


def compare(
    answers: Mapping[str, float], reference: Mapping[str, float], rule: VerdictRule
) -> Agreement:
    """Compare two contestants.

    Args:
        answers: ``p_ai`` by file name.
        reference: ``p_ai`` of the reference by file name.
        rule: rule for the verdicts.

    Raises:
        ValueError: their files differ.
    """
    if answers.keys() != reference.keys():
        missing = sorted(reference.keys() ^ answers.keys())
        raise ValueError(f"the contestants scored different files, for example {missing[:3]}")
    differences = [abs(answers[name] - reference[name]) for name in reference]
    same = [rule(answers[name]).label == rule(reference[name]).label for name in reference]
    count = len(differences)
    return Agreement(count, max(differences), sum(differences) / count, sum(same) / count)


def from_csv(path: Path) -> P_AI:
    """Read the answers that ``scan-folder`` wrote.

    Raises:
        ValueError: a file has no verdict.
    """
    answers = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] != "ok":
                raise ValueError(f"{row['path']} is {row['status']}: {row['error']}")
            answers[Path(row["path"]).name] = float(row["p_ai"])
    return answers


def from_record(path: Path, calibration: Calibration) -> P_AI:
    """Read the answers that a peer wrote (``peers.record``), calibrated like the scanner's."""
    margins: dict[str, float] = json.loads(path.read_text())["margins"]
    return {
        name: 1.0 / (1.0 + math.exp(-(margin / calibration.temperature + calibration.bias)))
        for name, margin in margins.items()
    }
