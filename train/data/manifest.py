"""List of labelled pictures for training and evaluation."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from trustthepixels.infer.errors import InputError, one_line
from trustthepixels.infer.files.labelled import LabelledFile, labelled_files
from trustthepixels.infer.results import LABELS


class Sample(LabelledFile):
    """A labelled picture with its class index."""

    __slots__ = ()

    @classmethod
    def of(cls, file: LabelledFile) -> Self:
        """Return the sample that a labelled file is."""
        return cls(file.path, file.file, file.label, file.source, file.group)

    @property
    def target(self) -> int:
        """Index of the label in the logits."""
        return LABELS.index(self.label)


def load_samples(root: Path) -> list[Sample]:
    """Return the pictures of a data set: from its ``manifest.csv``, else from ``AI/`` and
    ``Real/``.

    Args:
        root: a folder, or the manifest file itself.

    Returns:
        Samples sorted by ``file``, so that splits and seeds mean the same everywhere.

    Raises:
        InputError: no manifest and no class folders, a missing column, an unknown class, a listed
            file that does not exist, or a class without pictures.
    """
    samples = list_samples(root)
    require_both_classes(samples, str(root))
    return samples


def list_samples(root: Path) -> list[Sample]:
    """Return the pictures of folders that may hold one class only, as ``load_samples``.

    Raises:
        InputError: as for ``load_samples``, but for a class without pictures.
    """
    files = labelled_files(root)
    absent = next((file.path for file in files if not file.path.is_file()), None)
    if absent is not None:
        raise InputError(f"{root} lists {absent}, which does not exist")
    return [Sample.of(file) for file in files]


def targets_of(samples: Iterable[Sample]) -> npt.NDArray[np.int64]:
    """Return the class index of each sample, (n,)."""
    return np.array([sample.target for sample in samples], dtype=np.int64)


def require_both_classes(samples: Iterable[Sample], origin: str) -> None:
    """Check that both classes have pictures.

    Raises:
        InputError: a class has no pictures; the text begins with ``origin``.
    """
    present = {sample.label for sample in samples}
    for label in LABELS:
        if label not in present:
            raise InputError(f"{origin} has no pictures of class '{label}'")


def fingerprint(samples: Iterable[Sample]) -> str:
    """Return the SHA-256 (hex) over file, label and group of every sample, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.file}\0{sample.label}\0{sample.group}\n".encode())
    return digest.hexdigest()


def states_of_files(samples: Iterable[Sample]) -> bytes:
    """Return size and time of change of every sample's file: other bytes if one was replaced."""
    states = (sample.path.stat() for sample in samples)
    return b"".join(f"{state.st_size} {state.st_mtime_ns}\n".encode() for state in states)


def without_sources(samples: Sequence[Sample], sources: Iterable[str]) -> list[Sample]:
    """Return the samples from none of the named sources.

    Raises:
        InputError: a name is not a source of these samples.
    """
    excluded = set(sources)
    unknown = excluded - {sample.source for sample in samples}
    if unknown:
        raise InputError(f"no such source in the data: {', '.join(sorted(unknown))}")
    return [sample for sample in samples if sample.source not in excluded]


def read_sources(path: Path) -> frozenset[str]:
    """Return the values of the column ``source`` of a manifest, whose pictures need not be there.

    Raises:
        InputError: the file cannot be read, or has no such column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            if "source" not in (table.fieldnames or ()):
                raise InputError(f"{path} has no column source; give a manifest")
            return frozenset(row["source"] or "" for row in table)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {one_line(error)}") from error
