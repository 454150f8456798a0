"""A calibration as JSON: output of ``calibrate``, input of ``export --calibration``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trustthepixels.infer.errors import InputError, OutputError
from trustthepixels.infer.model.spec import Calibration
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds


def write_calibration(
    path: Path,
    calibration: Calibration,
    thresholds: Thresholds,
    evidence: Sequence[Mapping[str, Any]],
) -> None:
    """Write a calibration with its evidence.

    Args:
        path: a new file, or one to replace.
        calibration: turns logits into ``p_ai``.
        thresholds: turn ``p_ai`` into verdicts.
        evidence: values of JSON, one mapping for each run.

    Raises:
        OutputError: the file cannot be written.
    """
    content = {
        "calibration": asdict(calibration),
        "thresholds": asdict(thresholds),
        "evidence": list(evidence),
    }
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def read_calibration(path: Path) -> tuple[Calibration, Thresholds]:
    """Read a file of ``write_calibration``.

    Raises:
        InputError: the file cannot be read, or is not a calibration.
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
