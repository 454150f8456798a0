"""Answers of one run of a study for its test pictures, and their file."""

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from trustthepixels.infer.errors import InputError, OutputError

from ..arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RunAnswers:
    """Logit of ``ai`` less logit of ``real`` for each picture, in the order of its list.

    Attributes:
        validation: answers for the run's own validation pictures, float64 (n,).
        test: answers for its test pictures, or for the sources that it never saw.
        external: answers for external pictures as they are; empty if not requested.
        external_web: answers for external pictures in the web tier.
    """

    validation: FloatArray
    test: FloatArray
    external: FloatArray
    external_web: FloatArray


def write_answers(path: Path, answers: RunAnswers) -> None:
    """Write the answers whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            np.savez(stream, **{one.name: getattr(answers, one.name) for one in fields(answers)})
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def read_answers(path: Path) -> RunAnswers:
    """Read a file of ``write_answers``.

    Raises:
        InputError: the file is missing or holds something else.
    """
    try:
        with np.load(path) as content:
            return RunAnswers(**{one.name: content[one.name] for one in fields(RunAnswers)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read {path}, which a study writes ({error})") from error
