"""The list of labelled pictures that training and evaluation read."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trustthepixels.infer.errors import InputError, one_line
from trustthepixels.infer.results import LABELS

MANIFEST_NAME = "manifest.csv"
CLASS_FOLDERS = {"AI": "ai", "Real": "real"}
"""Folder names of a prepared data set (the reference work's) and the labels they stand for."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled picture.

    Attributes:
        path: where the file is.
        file: the path as the manifest gives it, relative to the data set's root, ``/``-separated.
        label: ``real`` or ``ai``.
        source: the data set or generator that it came from; empty if unknown.
        group: pictures of one group never straddle splits; unique to the picture if unknown.
    """

    path: Path
    file: str
    label: str
    source: str
    group: str

    @property
    def target(self) -> int:
        """Index of the label in the logits."""
        return LABELS.index(self.label)


def load_samples(root: Path) -> list[Sample]:
    """The pictures of a data set: from its ``manifest.csv``, else from ``AI/`` and ``Real/``.

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
    """As ``load_samples``, for folders that may hold pictures of one class only.

    Raises:
        InputError: likewise, but for a class without pictures.
    """
    if root.is_file():
        samples = read_manifest(root)
    elif (root / MANIFEST_NAME).is_file():
        samples = read_manifest(root / MANIFEST_NAME)
    elif root.is_dir():
        samples = _from_folders(root)
    else:
        raise InputError(f"{root} does not exist")
    return sorted(samples, key=lambda sample: sample.file)


def require_both_classes(samples: Iterable[Sample], origin: str) -> None:
    """Check that there is something to tell apart.

    Raises:
        InputError: a class has no pictures; the text begins with ``origin``.
    """
    present = {sample.label for sample in samples}
    for label in LABELS:
        if label not in present:
            raise InputError(f"{origin} has no pictures of class '{label}'")


def fingerprint(samples: Iterable[Sample]) -> str:
    """SHA-256 (hex) over file, label and group of every sample, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.file}\0{sample.label}\0{sample.group}\n".encode())
    return digest.hexdigest()


def without_sources(samples: Sequence[Sample], sources: Iterable[str]) -> list[Sample]:
    """The samples that come from none of the named sources.

    Raises:
        InputError: a name is no source of these samples.
    """
    excluded = set(sources)
    unknown = excluded - {sample.source for sample in samples}
    if unknown:
        raise InputError(f"no such source in the data: {', '.join(sorted(unknown))}")
    return [sample for sample in samples if sample.source not in excluded]


def read_manifest(manifest: Path) -> list[Sample]:
    """The rows of a manifest, in their order.

    The columns ``file`` (relative to the manifest) and ``class`` are needed; ``source``, ``group``
    and ``pair`` are used where they exist.

    Raises:
        InputError: it cannot be read, lacks a column, names an unknown class, or lists a file that
            does not exist.
    """
    try:
        with manifest.open(newline="", encoding="utf-8") as stream:
            samples = _read_rows(manifest, csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {manifest}: {one_line(error)}") from error
    absent = next((sample.path for sample in samples if not sample.path.is_file()), None)
    if absent is not None:
        raise InputError(f"{manifest} lists {absent}, which does not exist")
    return samples


def _read_rows(manifest: Path, rows: "csv.DictReader[str]") -> list[Sample]:
    missing = {"file", "class"} - set(rows.fieldnames or ())
    if missing:
        raise InputError(f"{manifest} lacks the column {', '.join(sorted(missing))}")
    samples = []
    for row in rows:
        file, label = row["file"], (row["class"] or "").lower()
        if label not in LABELS:
            raise InputError(f"{manifest}: class '{row['class'] or ''}' is neither ai nor real")
        # A pair is one subject seen twice, so it is a group where none is given.
        group = row.get("group") or row.get("pair") or file
        samples.append(Sample(manifest.parent / file, file, label, row.get("source") or "", group))
    return samples


def _from_folders(root: Path) -> list[Sample]:
    samples = []
    for folder, label in CLASS_FOLDERS.items():
        for path in (root / folder).rglob("*"):
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                file = path.relative_to(root).as_posix()
                samples.append(Sample(path, file, label, "", file))
    if not samples:
        raise InputError(f"{root} has neither {MANIFEST_NAME} nor pictures in AI/ and Real/")
    return samples
