"""Output folder of data preparation: whole files only, and a journal to resume from."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trustthepixels.infer.errors import OutputError, one_line
from trustthepixels.infer.files.labelled import CLASS_FOLDERS, MANIFEST_NAME

from .pictures import PreparedPicture, RejectedPicture, columns_of, from_entry

RECIPE_NAME = "prepare.json"
"""File with settings and data of the run; a run resumes only if all of it is equal."""

REJECTED_NAME = "rejected.csv"
_JOURNAL_NAME = "prepare.journal"
_PARTIAL_PREFIX = ".partial-"
_SCHEMA = 1


class PrepareFolder:
    """An output folder, new or with an earlier run of the same settings in it.

    Every file appears under its name only when it is whole. The journal has one line for each
    finished picture, so an interrupted run loses at most the pictures in flight.

    Args:
        root: the folder; made if it does not exist.
        recipe: settings and data of the run, for JSON.

    Attributes:
        accepted: finished pictures by the key of their source.
        rejected: unusable pictures by the key of their source.
        finished_blocks: blocks of a streamed source that need no further look.

    Raises:
        OutputError: the folder cannot be written, or holds something else.
    """

    def __init__(self, root: Path, recipe: Mapping[str, object]) -> None:
        self.root = root
        self.accepted: dict[str, PreparedPicture] = {}
        self.rejected: dict[str, RejectedPicture] = {}
        self.finished_blocks: set[int] = set()
        check_output(root)
        try:
            for folder in CLASS_FOLDERS:
                (root / folder).mkdir(parents=True, exist_ok=True)
            if (root / RECIPE_NAME).exists():
                _compare(root, recipe)
                self._replay()
            else:
                text = json.dumps(_plain(recipe), indent=2) + "\n"
                self._write(root / RECIPE_NAME, text.encode())
            # Line-buffered: a killed run leaves at most one broken line, at the end.
            self._journal = (root / _JOURNAL_NAME).open("a", encoding="utf-8", buffering=1)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise OutputError(f"cannot resume in {root}: {one_line(error)}") from error

    def accept(self, key: str, picture: PreparedPicture, content: bytes) -> None:
        """Write one picture and note it."""
        self._write(self.root / picture.file, content)
        self._note({"accepted": key, "size": len(content), **asdict(picture)})
        self.accepted[key] = picture

    def reject(self, key: str, picture: RejectedPicture) -> None:
        """Note a picture that cannot be used."""
        self._note({"rejected": key, **asdict(picture)})
        self.rejected[key] = picture

    def finish_block(self, block: int) -> None:
        """Note that a block needs no further look."""
        self._note({"block": block})
        self.finished_blocks.add(block)

    def write_rejected(self) -> None:
        """Write ``rejected.csv``, sorted; it has only its header if all was well."""
        rows = sorted((asdict(row) for row in self.rejected.values()), key=lambda row: row["item"])
        self._write_table(REJECTED_NAME, columns_of(RejectedPicture), rows)

    def finish(self, pictures: Iterable[PreparedPicture], splits: Mapping[str, str]) -> None:
        """Write the manifest, sorted by file: the last step, which completes the data set."""
        self.write_rejected()
        rows = [
            {**asdict(picture), "split": splits.get(picture.file, "")}
            for picture in sorted(pictures, key=lambda picture: picture.file)
        ]
        self._write_table(MANIFEST_NAME, [*columns_of(PreparedPicture), "split"], rows)
        self.close()
        _tidy(self.root)

    def close(self) -> None:
        """Close the journal; a later run with equal settings resumes from it."""
        self._journal.close()

    def _replay(self) -> None:
        """Read the journal, up to a line that an interruption cut short."""
        journal = self.root / _JOURNAL_NAME
        if not journal.exists():
            return
        content = journal.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.decode().splitlines():
            entry = json.loads(line)
            if "block" in entry:
                self.finished_blocks.add(entry["block"])
            elif "accepted" in entry:
                picture = from_entry(PreparedPicture, entry)
                self._check_whole(picture.file, entry["size"])
                self.accepted[entry["accepted"]] = picture
            else:
                self.rejected[entry["rejected"]] = from_entry(RejectedPicture, entry)
        if whole != content:
            os.truncate(journal, len(whole))

    def _check_whole(self, file: str, size: int) -> None:
        path = self.root / file
        if not path.is_file() or path.stat().st_size != size:
            raise OutputError(
                f"{path} of the interrupted run is missing or damaged; delete {self.root}, or "
                "choose another folder"
            )

    def _note(self, entry: Mapping[str, object]) -> None:
        try:
            # ASCII escapes can also hold file names that are not UTF-8.
            self._journal.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write to {self.root}: {one_line(error)}") from error

    def _write(self, path: Path, content: bytes) -> None:
        partial = self.root / f"{_PARTIAL_PREFIX}{os.getpid()}"
        try:
            partial.write_bytes(content)
            partial.replace(path)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {one_line(error)}") from error

    def _write_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
    ) -> None:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(row.values() for row in rows)
        self._write(self.root / name, stream.getvalue().encode())


def check_output(root: Path) -> None:
    """Refuse a folder that holds anything but an earlier preparation.

    Raises:
        OutputError: the path is not a folder, not empty, or cannot be read.
    """
    try:
        if not root.exists() or (root / RECIPE_NAME).is_file():
            return
        foreign = [path for path in root.iterdir() if not _is_ours(path)]
    except OSError as error:
        raise OutputError(f"cannot write to {root}: {one_line(error)}") from error
    if foreign:
        raise OutputError(f"{root} is not empty and holds no earlier run; choose another folder")


def _is_ours(path: Path) -> bool:
    """Return whether an entry may remain from a run that was killed at its start."""
    if path.name in CLASS_FOLDERS:
        return path.is_dir() and not any(path.iterdir())
    return path.name.startswith(_PARTIAL_PREFIX)


def is_complete(root: Path, recipe: Mapping[str, object]) -> bool:
    """Return whether this preparation was finished in this folder before.

    Raises:
        OutputError: the folder holds something else.
    """
    check_output(root)
    if not (root / MANIFEST_NAME).is_file():
        return False
    _compare(root, recipe)
    _tidy(root)
    return True


def _plain(recipe: Mapping[str, object]) -> Any:
    return json.loads(json.dumps({"schema": _SCHEMA, **recipe}))


def _compare(root: Path, recipe: Mapping[str, object]) -> None:
    try:
        found = json.loads((root / RECIPE_NAME).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot read {root / RECIPE_NAME}: {one_line(error)}") from error
    flat_found, flat_wanted = _flatten(found), _flatten(_plain(recipe))
    differing = sorted(
        key
        for key in flat_found.keys() | flat_wanted.keys()
        if flat_found.get(key) != flat_wanted.get(key)
    )
    if differing:
        raise OutputError(
            f"{root} holds a run with other settings or other data ({', '.join(differing)} "
            "differ); choose another folder, or delete it"
        )


def _tidy(root: Path) -> None:
    try:
        (root / _JOURNAL_NAME).unlink(missing_ok=True)
        for partial in root.glob(f"{_PARTIAL_PREFIX}*"):
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot tidy {root}: {one_line(error)}") from error


def _flatten(recipe: Any) -> dict[str, Any]:
    if not isinstance(recipe, dict):
        return {}
    flat: dict[str, Any] = {}
    for key, value in recipe.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    return flat
