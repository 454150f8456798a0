"""Prepare a data set: a seeded, balanced draw of pictures, with manifest and splits."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from trustthepixels.infer.errors import ImageError, InputError, UsageError
from trustthepixels.infer.files.labelled import CLASS_FOLDERS, MANIFEST_NAME
from trustthepixels.infer.results import LABELS

from ..data.manifest import Sample
from ..data.sampling import Sampling, shuffled
from ..data.splits import MINIMUM_GROUPS, split_by_group
from .convert import ConvertedPicture, convert_all
from .folder import REJECTED_NAME, PrepareFolder, is_complete
from .pictures import PreparedPicture, RejectedPicture
from .request import PictureFiles
from .sources.source import BlockSource, Candidate, PictureSource

_FOLDER_OF = {label: folder for folder, label in CLASS_FOLDERS.items()}


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """Settings of a draw and of its files.

    Attributes:
        per_class: pictures of each class; ``None`` for all.
        seed: seed of the draw and of the splits.
        quality: quality of the JPEG files, 1 to 100.
        sampling: way of choosing pictures.
        files: kind of file to write.
    """

    per_class: int | None = 5000
    seed: int = 42
    quality: int = 95
    sampling: Sampling = Sampling.UNIFORM
    files: PictureFiles = PictureFiles.JPEG

    def identity(self) -> dict[str, object]:
        """Return the settings for JSON; equal if a run may be resumed."""
        settings = asdict(self)
        # A source's identity has ``files`` too, their number.
        kind = settings.pop("files")
        if self.files is PictureFiles.JPEG:
            # Folders from before there was a choice have no entry of it.
            return settings
        del settings["quality"]
        return settings | {"kind_of_files": kind}


@dataclass(frozen=True, slots=True)
class PrepareSummary:
    """Content of a finished folder.

    Attributes:
        pictures: number of pictures of each class.
        splits: number of pictures in each split; empty if there were too few groups to split.
        rejected: number of pictures that could not be used, listed in ``rejected.csv``.
    """

    pictures: dict[str, int]
    splits: dict[str, int]
    rejected: int


def prepare(source: PictureSource, root: Path, settings: PrepareSettings) -> PrepareSummary:
    """Write ``AI/``, ``Real/``, ``manifest.csv`` and ``rejected.csv`` into a folder.

    The same source and settings give the same files, however often the run was interrupted: what
    an earlier run with the same settings has finished is kept, and a finished folder is left
    alone. Pictures that cannot be decoded are replaced by the next ones of the draw.

    Args:
        source: labelled pictures; a ``BlockSource`` for streamed sampling.
        root: the output folder, new or with an earlier run.
        settings: settings of the draw.

    Raises:
        InputError: a class has too few usable pictures, or the source cannot be read.
        OutputError: the folder cannot be written or holds something else.
        UsageError: streaming was requested of a source that has no blocks.
    """
    recipe = {"source": source.identity(), "settings": settings.identity()}
    if is_complete(root, recipe):
        return summarise(root)
    draw: Callable[[_Run], list[PreparedPicture]]
    if settings.sampling is Sampling.UNIFORM:
        # Counted before anything is written: after an error the folder is still free.
        draw = partial(_draw_uniform, source, _ranked(source, settings))
    elif isinstance(source, BlockSource):
        draw = partial(_draw_streamed, source)
    else:
        raise UsageError("only a data set can be streamed; from folders pictures are drawn evenly")
    with closing(PrepareFolder(root, recipe)) as folder, _progress(folder, settings) as bar:
        pictures = draw(_Run(folder, settings, bar))
        folder.finish(pictures, _splits(pictures, settings.seed))
    return summarise(root)


def summarise(root: Path) -> PrepareSummary:
    """Count what a finished folder holds."""
    with (root / MANIFEST_NAME).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with (root / REJECTED_NAME).open(newline="", encoding="utf-8") as stream:
        rejected = sum(1 for _ in csv.DictReader(stream))
    splits = Counter(row["split"] for row in rows if row["split"])
    return PrepareSummary(dict(Counter(row["class"] for row in rows)), dict(splits), rejected)


class _Run:
    """Finished pictures of a run, and the handling of each further picture."""

    def __init__(
        self, folder: PrepareFolder, settings: PrepareSettings, bar: "tqdm[NoReturn]"
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.counts = Counter(picture.label for picture in folder.accepted.values())
        self._bar = bar

    def is_full(self, label: str) -> bool:
        """Return whether a class has as many pictures as requested."""
        per_class = self.settings.per_class
        return per_class is not None and self.counts[label] >= per_class

    def is_wanted(self, candidate: Candidate) -> bool:
        """Return whether a picture is new and of a class that is not full."""
        known = candidate.key in self.folder.accepted or candidate.key in self.folder.rejected
        return not known and not self.is_full(candidate.label)

    def converted(
        self, candidates: Iterable[Candidate]
    ) -> Iterator[tuple[Candidate, ConvertedPicture | ImageError]]:
        """Return each picture with its file, or with the reason why it has none."""
        return convert_all(candidates, self.settings.files, self.settings.quality)

    def take(self, candidate: Candidate, outcome: ConvertedPicture | ImageError) -> None:
        """Accept a picture, or note why it cannot be used."""
        if isinstance(outcome, ImageError):
            item, error = _utf8(candidate.key), _utf8(outcome.reason)
            row = RejectedPicture(item, candidate.label, outcome.status.value, error)
            self.folder.reject(candidate.key, row)
            return
        picture = PreparedPicture(
            file=f"{_FOLDER_OF[candidate.label]}/{candidate.stem}{outcome.suffix}",
            label=candidate.label,
            source=_utf8(candidate.source),
            # A picture of unknown origin still belongs with its exact copies.
            group=_utf8(candidate.group) or f"sha256:{outcome.digest[:16]}",
            original_format=outcome.header.format,
            original_width=outcome.header.width,
            original_height=outcome.header.height,
            original_bytes=outcome.original_bytes,
        )
        self.folder.accept(candidate.key, picture, outcome.content)
        self.counts[candidate.label] += 1
        self._bar.update()

    def check_enough(self) -> None:
        """Raise an ``InputError`` with the counts if pictures that cannot be used left too few."""
        if all(self.counts[label] >= (self.settings.per_class or 1) for label in LABELS):
            return
        self.folder.write_rejected()
        rejected = len(self.folder.rejected)
        raise InputError(
            f"{_too_few(self.counts, self.settings, 'usable ')}; {rejected} could not be used, "
            f"see {self.folder.root / REJECTED_NAME}; ask for fewer with --per-class, into "
            "another folder"
        )


def _draw_uniform(
    source: PictureSource, ranked: Mapping[str, list[str]], run: _Run
) -> list[PreparedPicture]:
    """Take the first pictures of each class in the order of the draw; the next replaces a bad
    one."""
    accepted, rejected = run.folder.accepted, run.folder.rejected
    while True:
        chosen = [
            key
            for keys in ranked.values()
            for key in [key for key in keys if key not in rejected][: run.settings.per_class]
        ]
        pending = [key for key in chosen if key not in accepted]
        if not pending:
            break
        for candidate, outcome in run.converted(source.fetch(pending)):
            run.take(candidate, outcome)
    run.check_enough()
    return [accepted[key] for key in chosen]


def _draw_streamed(source: BlockSource, run: _Run) -> list[PreparedPicture]:
    """Take whole blocks in random order until both classes are full."""
    for block in map(int, shuffled(map(str, range(source.blocks)), run.settings.seed)):
        if all(run.is_full(label) for label in LABELS):
            break
        if block in run.folder.finished_blocks:
            continue
        wanted = filter(run.is_wanted, source.read_block(block))
        for candidate, outcome in run.converted(wanted):
            # They were read ahead, so the last ones of a class may be too many.
            if not run.is_full(candidate.label):
                run.take(candidate, outcome)
        run.folder.finish_block(block)
    run.check_enough()
    return list(run.folder.accepted.values())


def _ranked(source: PictureSource, settings: PrepareSettings) -> dict[str, list[str]]:
    """Return the keys of each class in the order of the draw.

    Raises:
        InputError: there are too few.
    """
    ranked = {label: shuffled(keys, settings.seed) for label, keys in source.index().items()}
    counts = {label: len(keys) for label, keys in ranked.items()}
    if any(count < (settings.per_class or 1) for count in counts.values()):
        raise InputError(f"{_too_few(counts, settings, '')}; ask for fewer with --per-class")
    return ranked


def _too_few(counts: Mapping[str, int], settings: PrepareSettings, kind: str) -> str:
    found = " and ".join(f"{counts.get(label, 0)} of class '{label}'" for label in sorted(LABELS))
    return f"too few {kind}pictures: {found}, where {settings.per_class or 1} of each are needed"


def _splits(pictures: list[PreparedPicture], seed: int) -> dict[str, str]:
    """Return the split of each file as ``trustthepixels train`` makes it; none if too few
    groups."""
    if len({picture.group for picture in pictures}) < MINIMUM_GROUPS:
        return {}
    samples = [
        Sample(Path(picture.file), picture.file, picture.label, picture.source, picture.group)
        for picture in sorted(pictures, key=lambda picture: picture.file)
    ]
    return {file: split.value for file, split in split_by_group(samples, seed).items()}


def _progress(folder: PrepareFolder, settings: PrepareSettings) -> "tqdm[NoReturn]":
    total = None if settings.per_class is None else settings.per_class * len(LABELS)
    bar: tqdm[NoReturn] = tqdm(
        total=total, initial=len(folder.accepted), desc="pictures", unit="picture", disable=None
    )
    return bar


def _utf8(text: str) -> str:
    """Bytes of a file name that are not UTF-8 as ``\\xNN``, so that any reader can read the CSV."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
