"""Group-wise splits: files that share a group never straddle train, validation and test."""

import csv
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path

import numpy as np

from trustthepixels.infer.errors import InputError

from .manifest import Sample, fingerprint

_TEST_FOLDS = 7
_VALIDATION_FOLDS = 8

MINIMUM_GROUPS = _TEST_FOLDS + _VALIDATION_FOLDS
"""Least number of groups in a data set that can be split."""


class Split(StrEnum):
    """The part of a data set that a picture belongs to."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def split_by_group(samples: Sequence[Sample], seed: int) -> dict[str, Split]:
    """Assign each file to train (about 75 %), validation (11 %) or test (14 %).

    scikit-learn's ``StratifiedGroupKFold`` keeps the mix of class and source similar in each part,
    as far as whole groups allow. One fold of seven is the test; one of eight of the rest is for
    validation.

    Returns:
        The split of each ``Sample.file``.

    Raises:
        InputError: the samples form fewer than 15 groups.
    """
    if len({sample.group for sample in samples}) < MINIMUM_GROUPS:
        raise InputError(f"the pictures form too few groups to split; {MINIMUM_GROUPS} are needed")
    test, rest = _first_fold(samples, _TEST_FOLDS, seed)
    validation, train = split_off_validation(rest, seed)
    parts = {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test}
    return {sample.file: split for split, part in parts.items() for sample in part}


def split_off_validation(samples: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """Return one of eight pictures, in whole groups, for validation, and the rest for training.

    Raises:
        InputError: fewer than 8 groups.
    """
    if len({sample.group for sample in samples}) < _VALIDATION_FOLDS:
        raise InputError(f"the pictures form too few groups; {_VALIDATION_FOLDS} are needed")
    return _first_fold(samples, _VALIDATION_FOLDS, seed)


def _first_fold(
    samples: Sequence[Sample], folds: int, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Return the first of ``folds`` group-wise folds, and all the others together."""
    # Takes seconds to import, which a command that only checks its input should not cost.
    model_selection = import_module("sklearn.model_selection")

    strata = _strata(samples, folds)
    groups = [sample.group for sample in samples]
    splitter = model_selection.StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Sources smaller than the number of folds are expected; each goes into one fold as a whole.
        warnings.simplefilter("ignore", UserWarning)
        rest, fold = next(iter(splitter.split(np.zeros(len(samples)), strata, groups)))
    return [samples[index] for index in fold], [samples[index] for index in rest]


def _strata(samples: Sequence[Sample], folds: int) -> list[str]:
    """Return the strata to spread over the parts: class and source, or less if all are too rare."""
    by_source = [f"{sample.label}:{sample.source}" for sample in samples]
    by_label = [sample.label for sample in samples]
    for strata in (by_source, by_label):
        # scikit-learn needs at least one stratum that reaches every fold.
        if max(Counter(strata).values()) >= folds:
            return strata
    return [""] * len(samples)


def write_splits(path: Path, splits: Mapping[str, Split]) -> None:
    """Write ``file,split`` rows, sorted by file."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "split"])
        writer.writerows(sorted((file, split.value) for file, split in splits.items()))


def read_splits(path: Path) -> dict[str, Split]:
    """Read a file of ``write_splits``.

    Raises:
        InputError: the file cannot be read or a row is not ``file,split``.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["file"]: Split(row["split"]) for row in csv.DictReader(stream)}
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"cannot read the splits {path}: {error}") from error


def select(samples: Sequence[Sample], splits: Mapping[str, Split], split: Split) -> list[Sample]:
    """Return the samples of one split.

    Raises:
        InputError: a sample is in no split, or the split is empty.
    """
    parts: dict[Split, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.file not in splits:
            raise InputError(f"{sample.file} is in no split; the splits belong to other data")
        parts[splits[sample.file]].append(sample)
    if not parts[split]:
        raise InputError(f"the {split.value} split is empty")
    return parts[split]


def splits_fingerprint(samples: Sequence[Sample], splits: Mapping[str, Split]) -> str:
    """Return the SHA-256 (hex) over the pictures of train, validation and test, in this order.

    A model stores it, so an evaluation can compare its splits with the model's. A picture without a
    split is not part of it.
    """
    return fingerprint(
        sample for split in Split for sample in samples if splits.get(sample.file) is split
    )
