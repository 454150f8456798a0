"""Plain folders of AI pictures and of photographs as a source for data preparation."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trustthepixels.infer.errors import InputError, UsageError
from trustthepixels.infer.files.labelled import (
    MANIFEST_NAME,
    LabelledFile,
    is_picture,
    read_manifest,
)

from ..grouping import GroupKind, GroupRule
from .source import Candidate, reader_of

_UNSAFE = re.compile(r"[^A-Za-z0-9.]+")
_STEM_LENGTH = 80


class FolderSource:
    """Pictures below folders with a known class.

    Source and group come from a ``manifest.csv`` in the folder or beside it, unless a rule for
    groups is given; a picture that it does not list has the folder's name as its source.

    Args:
        ai: folders of AI-generated pictures.
        real: folders of photographs.
        rule: rule for groups; ``None`` for the manifest's groups, if there is one.

    Raises:
        InputError: a folder that cannot be read, or a manifest that contradicts it.
        UsageError: overlapping folders, or a rule that needs columns.
    """

    def __init__(
        self, ai: Sequence[Path], real: Sequence[Path], rule: GroupRule | None = None
    ) -> None:
        if rule is not None and rule.kind is GroupKind.COLUMN:
            raise UsageError("--group-by column:NAME needs a data set; folders have no columns")
        _check_apart((*ai, *real))
        self._files = {
            file.key: file
            for label, folders in (("ai", ai), ("real", real))
            for number, folder in enumerate(folders)
            for file in _list_folder(folder, label, number, rule)
        }

    def identity(self) -> dict[str, object]:
        """Digest over names, sizes, classes and groups; see ``PictureSource``."""
        digest = hashlib.sha256()
        for key, file in sorted(self._files.items()):
            line = f"{key}\0{file.size}\0{file.source}\0{file.group}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return {"kind": "folders", "files": len(self._files), "sha256": digest.hexdigest()}

    def index(self) -> Mapping[str, list[str]]:
        """Return the keys of each class."""
        keys: dict[str, list[str]] = {"ai": [], "real": []}
        for key, file in self._files.items():
            keys[file.label].append(key)
        return keys

    def fetch(self, keys: Collection[str]) -> Iterator[Candidate]:
        """Return the pictures of these keys, in the order of their names."""
        for key in sorted(keys):
            file = self._files[key]
            read = reader_of(file.path)
            yield Candidate(key, file.label, _stem(file), file.source, file.group, read)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    key: str
    label: str
    relative: PurePosixPath
    source: str
    group: str
    size: int


def _list_folder(folder: Path, label: str, number: int, rule: GroupRule | None) -> Iterator[_File]:
    listed = {} if rule is not None else _manifest_of(folder)
    groups = Counter(file.group for file in listed.values())
    name = folder.resolve().name
    for path, size in _walk(folder):
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        key = f"{label}/{number}/{relative}"
        known = listed.get(path.resolve())
        if known is None:
            group = "" if rule is None else rule.of_file(name, relative)
            yield _File(path, key, label, relative, name, group, size)
        elif known.label != label:
            raise InputError(f"{path} is '{label}' by its folder, '{known.label}' by its manifest")
        else:
            # Without a group the manifest gives the file's own name, which groups nothing alone.
            group = "" if groups[known.group] == 1 else known.group
            yield _File(path, key, label, relative, known.source or name, group, size)


def _manifest_of(folder: Path) -> dict[Path, LabelledFile]:
    for manifest in (folder / MANIFEST_NAME, folder.resolve().parent / MANIFEST_NAME):
        if manifest.is_file():
            return {file.path.resolve(): file for file in read_manifest(manifest)}
    return {}


def _walk(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield picture files below a folder with their sizes, sorted within each folder."""

    def refuse(error: OSError) -> None:
        raise InputError(f"cannot list {error.filename}: {error.strerror}") from error

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(files):
            path = Path(parent, name)
            if is_picture(path):
                # A broken link has no size; reading it reports the reason.
                yield path, path.stat().st_size if path.exists() else -1


def _check_apart(folders: Sequence[Path]) -> None:
    resolved = [folder.resolve() for folder in folders]
    for index, folder in enumerate(resolved):
        for other in resolved[:index]:
            if folder == other or folder in other.parents or other in folder.parents:
                raise UsageError(f"{folders[index]} and another folder overlap: {other}")


def _stem(file: _File) -> str:
    """Return a readable ASCII name, made unique by a digest of the key."""
    readable = _UNSAFE.sub("-", "__".join(file.relative.with_suffix("").parts))
    digest = hashlib.blake2b(file.key.encode("utf-8", "surrogateescape"), digest_size=5)
    return f"{readable.strip('-.')[:_STEM_LENGTH]}-{digest.hexdigest()}".lstrip("-")
