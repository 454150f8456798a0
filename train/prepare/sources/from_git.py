"""Pictures of pinned commits of git repositories as a source for data preparation."""

import csv
import hashlib
import io
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trustthepixels.infer.errors import ImageError, InputError, one_line
from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.results import LABELS, FileStatus

from .source import Candidate

GIT_SERVER = "https://github.com/"
"""Prefix of a repository's name in a manifest; a URL or an absolute path is taken as it is."""

_PARTIAL_CLONE = {
    "core.repositoryformatversion": "1",
    "extensions.partialclone": "origin",
    "remote.origin.promisor": "true",
    "remote.origin.partialclonefilter": "blob:none",
    "fetch.negotiationAlgorithm": "noop",
}
"""Settings of a repository that may lack blobs."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")

_COLUMNS = ("class", "source", "group", "repo", "path", "commit", "blob10", "box")


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    label: str
    source: str
    group: str
    repo: str
    path: str
    commit: str
    blob: str
    box: tuple[int, int, int, int] | None


class GitSource:
    """Pictures that a manifest lists by repository, commit, path and blob id.

    Only the wanted pictures are fetched. They stay in the cache, so a later run resumes from there.

    Args:
        manifest: CSV with the columns ``class``, ``source``, ``group``, ``repo``, ``path``,
            ``commit`` (empty for the newest), ``blob10`` (first digits of the blob's id) and
            ``box`` (empty, or ``left;upper;right;lower`` of a part).
        cache: folder for bare repositories.

    Raises:
        InputError: the manifest cannot be read, or a row is damaged.
    """

    def __init__(self, manifest: Path, cache: Path) -> None:
        self._cache = cache
        try:
            content = manifest.read_bytes()
            rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
            self._rows = {row.key: row for row in map(_parsed, rows)}
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise InputError(f"cannot read {manifest}: {one_line(error)}") from error
        self._digest = hashlib.sha256(content).hexdigest()

    def identity(self) -> dict[str, object]:
        """Return the digest of the manifest."""
        return {"kind": "git", "files": len(self._rows), "sha256": self._digest}

    def index(self) -> Mapping[str, list[str]]:
        """Return the keys of each class."""
        keys: dict[str, list[str]] = {label: [] for label in LABELS}
        for row in self._rows.values():
            keys[row.label].append(row.key)
        return keys

    def fetch(self, keys: Collection[str]) -> Iterator[Candidate]:
        """Yield the pictures of these keys, one repository after the other.

        Raises:
            InputError: a repository or commit cannot be fetched.
        """
        by_commit: dict[tuple[str, str], list[_Row]] = defaultdict(list)
        for key in sorted(keys):
            row = self._rows[key]
            by_commit[row.repo, row.commit].append(row)
        for (repo, commit), rows in sorted(by_commit.items()):
            blobs = self._fetched(repo, commit, rows)
            for row in rows:
                read = partial(_read, self._folder(repo), row, blobs.get(row.path))
                yield Candidate(row.key, row.label, _stem(row), row.source, row.group, read)

    def _folder(self, repo: str) -> Path:
        return self._cache / f"{_UNSAFE.sub('+', repo).strip('+')}.git"

    def _fetched(self, repo: str, commit: str, rows: Iterable[_Row]) -> Mapping[str, str]:
        """Blob ids by path; the pictures of these rows are in the cache."""
        folder = self._folder(repo)
        url = repo if "://" in repo or Path(repo).is_absolute() else f"{GIT_SERVER}{repo}"
        if not folder.exists():
            _git(self._cache, "init", "--quiet", "--bare", str(folder))
        for name, value in {**_PARTIAL_CLONE, "remote.origin.url": url}.items():
            _git(folder, "config", name, value)
        mark = f"refs/pinned/{commit or 'newest'}"
        if mark not in _git(folder, "for-each-ref", "--format=%(refname)").decode().split():
            newest = ("--depth=1", "--filter=blob:none", "origin", f"+{commit or 'HEAD'}:{mark}")
            _git(folder, "fetch", "--quiet", "--no-tags", *newest)
        listing = _git(folder, "ls-tree", "-r", "-z", mark).decode("utf-8", "surrogateescape")
        blobs = {}
        for line in filter(None, listing.split("\0")):
            facts, _, path = line.partition("\t")
            blobs[path] = facts.split()[2]
        wanted = {blobs[row.path] for row in rows if blobs.get(row.path, "").startswith(row.blob)}
        # A question about one object would fetch it at once, each by a connection of its own.
        objects = _git(folder, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
        missing = sorted(wanted - set(objects.decode().split()))
        if missing:
            wants = ("--no-write-fetch-head", "--filter=blob:none", "--stdin", "origin")
            _git(folder, "fetch", "--quiet", "--no-tags", *wants, given="\n".join(missing))
        return blobs


def _parsed(row: dict[str, str]) -> _Row:
    absent = [name for name in _COLUMNS if row.get(name) is None]
    if absent:
        raise ValueError(f"it lacks the column {', '.join(absent)}")
    if row["class"] not in LABELS or not row["blob10"] or not row["repo"] or not row["path"]:
        raise ValueError(f"a row is damaged: {row}")
    box = tuple(int(side) for side in row["box"].replace(",", ";").split(";")) if row["box"] else ()
    if len(box) not in (0, 4):
        raise ValueError(f"a box needs four numbers: {row['box']}")
    return _Row(
        key=f"{row['repo']}/{row['path']}@{row['commit']}#{row['box']}",
        label=row["class"],
        source=row["source"],
        group=row["group"],
        repo=row["repo"],
        path=row["path"],
        commit=row["commit"],
        blob=row["blob10"],
        box=(box[0], box[1], box[2], box[3]) if len(box) == 4 else None,
    )


def _stem(row: _Row) -> str:
    digest = hashlib.blake2b(row.key.encode(), digest_size=5).hexdigest()
    return f"{_UNSAFE.sub('-', row.source) or 'git'}__{digest}"


def _read(folder: Path, row: _Row, blob: str | None) -> bytes:
    if blob is None:
        raise ImageError(FileStatus.VANISHED, f"{row.repo} has no {row.path} at this commit")
    if not blob.startswith(row.blob):
        raise ImageError(FileStatus.VANISHED, f"{row.repo}: {row.path} has changed since the list")
    data = _git(folder, "cat-file", "blob", blob)
    if row.box is None:
        return data
    stream = io.BytesIO()
    decode(data).image.crop(row.box).save(stream, "PNG")
    return stream.getvalue()


def _git(folder: Path, *arguments: str, given: str = "") -> bytes:
    """Return git's output.

    Raises:
        InputError: git is not installed, or failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            input=given.encode(), capture_output=True, check=True, env=environment,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InputError("git is not installed; --git-manifest needs it") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(
            f"git {arguments[0]} failed in {folder}: {reason[-1] if reason else 'no reason'}; "
            "the same command resumes"
        ) from error
    return done.stdout
