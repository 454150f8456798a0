"""Pictures whose true label is known: in ``AI/`` and ``Real/``, or listed in a ``manifest.csv``."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, one_line
from ..images.formats.registry import image_extensions
from ..results import LABELS

CLASS_FOLDERS = {"AI": "ai", "Real": "real"}
"""Folder names of a prepared data set, and the labels they stand for."""

MANIFEST_NAME = "manifest.csv"


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A picture file and what it truly is.

    Attributes:
        path: where it is.
        label: ``ai`` or ``real``.
    """

    path: Path
    label: str


def labelled_files(folder: Path) -> list[LabelledFile]:
    """The pictures of a labelled folder, sorted by path.

    Args:
        folder: has a ``manifest.csv`` with the columns ``file`` and ``class`` (``ai`` or ``real``),
            or else the folders ``AI`` and ``Real``, which are searched recursively.

    Raises:
        InputError: it has neither, or no pictures, or the manifest is not sound.
    """
    manifest = folder / MANIFEST_NAME
    files = _from_manifest(manifest) if manifest.is_file() else _from_folders(folder)
    if not files:
        raise InputError(f"{folder} has neither a {MANIFEST_NAME} nor pictures in AI/ and Real/")
    return sorted(files, key=lambda file: os.fsencode(file.path))


def _from_folders(folder: Path) -> list[LabelledFile]:
    extensions = image_extensions()
    return [
        LabelledFile(path, label)
        for name, label in CLASS_FOLDERS.items()
        for path in (folder / name).rglob("*")
        if path.suffix.lower().lstrip(".") in extensions and path.is_file()
    ]


def _from_manifest(manifest: Path) -> list[LabelledFile]:
    try:
        with manifest.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {manifest}: {one_line(error)}") from error
    files = []
    for row in rows:
        label = (row.get("class") or "").lower()
        if not row.get("file") or label not in LABELS:
            raise InputError(
                f"{manifest} needs the columns file and class (ai or real) in every row; "
                f"one has file {row.get('file')!r} and class {row.get('class')!r}"
            )
        files.append(LabelledFile(manifest.parent / row["file"], label))
    return files
