"""Pictures with a true label: listed in a ``manifest.csv``, or in ``AI/`` and ``Real/``."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, one_line
from ..images.formats.registry import image_extensions
from ..results import LABELS

CLASS_FOLDERS = {"AI": "ai", "Real": "real"}
"""Labels by folder names of a prepared data set. Readers ignore case."""

MANIFEST_NAME = "manifest.csv"


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A picture file and its true label.

    Attributes:
        path: path of the file.
        file: the path relative to the data set's root, ``/``-separated, as a manifest gives it.
        label: ``ai`` or ``real``.
        source: the data set or generator that it came from; empty if unknown.
        group: pictures of one group never straddle splits; ``file`` if unknown.
    """

    path: Path
    file: str
    label: str
    source: str
    group: str


def labelled_files(root: Path) -> list[LabelledFile]:
    """Return the pictures of a labelled data set, sorted by ``file``.

    Args:
        root: a manifest, a folder with a ``manifest.csv``, or else a folder with the folders ``AI``
            and ``Real`` in any case, which are searched recursively.

    Raises:
        InputError: the root is none of these, has no pictures, or its manifest is invalid.
    """
    if root.is_file():
        files = read_manifest(root)
    elif (root / MANIFEST_NAME).is_file():
        files = read_manifest(root / MANIFEST_NAME)
    elif root.is_dir():
        files = _from_folders(root)
    else:
        raise InputError(f"{root} does not exist")
    return sorted(files, key=lambda file: file.file)


def read_manifest(manifest: Path) -> list[LabelledFile]:
    """Return the pictures that a manifest lists, in its order. They may not exist.

    The columns ``file`` (relative to the manifest) and ``class`` are needed; ``source``, ``group``
    and ``pair`` are used where they exist.

    Raises:
        InputError: it cannot be read, lacks a column, or names an unknown class.
    """
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as stream:
            return list(_listed(manifest, csv.DictReader(stream)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {manifest}: {one_line(error)}") from error


def files_in_class_folders(root: Path) -> Iterator[LabelledFile]:
    """Yield every file of a data set's class folders, in no order, whatever its extension."""
    labels = {name.lower(): label for name, label in CLASS_FOLDERS.items()}
    for folder in root.iterdir():
        label = labels.get(folder.name.lower())
        if label is None:
            continue
        for path in folder.rglob("*"):
            if path.is_file():
                file = path.relative_to(root).as_posix()
                yield LabelledFile(path, file, label, "", file)


def is_picture(path: Path) -> bool:
    """Return true if a file name's extension is one of a picture."""
    return path.suffix.lower().lstrip(".") in image_extensions()


def _listed(manifest: Path, rows: "csv.DictReader[str]") -> Iterator[LabelledFile]:
    missing = {"file", "class"} - set(rows.fieldnames or ())
    if missing:
        raise InputError(f"{manifest} lacks the column {', '.join(sorted(missing))}")
    for row in rows:
        file, label = row["file"], (row["class"] or "").lower()
        if label not in LABELS:
            raise InputError(f"{manifest}: class '{row['class'] or ''}' is neither ai nor real")
        # A pair is one subject seen twice, so it is a group where none is given.
        group = row.get("group") or row.get("pair") or file
        yield LabelledFile(manifest.parent / file, file, label, row.get("source") or "", group)


def _from_folders(root: Path) -> list[LabelledFile]:
    files = [file for file in files_in_class_folders(root) if is_picture(file.path)]
    if not files:
        raise InputError(f"{root} has neither {MANIFEST_NAME} nor pictures in AI/ and Real/")
    return files
