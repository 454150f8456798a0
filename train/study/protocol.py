"""Study of recipes: each is trained six times on the same pictures, under a frozen protocol.

One run uses the ordinary split, for the test and for external pictures; five runs each leave a
fold's sources out. Most recipes are compared on frozen stages with a linear layer on top, which
takes minutes instead of hours. A few are fine-tuned.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from trustthepixels.infer.errors import InputError, OutputError, UsageError

from ..data.folds import FOLDS, split_by_fold
from ..data.manifest import Sample, fingerprint, load_samples, require_both_classes
from ..data.sampling import shuffled
from ..data.splits import Split, read_splits, select
from ..fitting.last_layer import CHANGED_VIEWS, INVERSE_PENALTY
from .answers import RunAnswers, read_answers, write_answers
from .figures import StudyPictures
from .variants import Variant

RECONSTRUCTIONS = ("taef2_reconstruction",)
"""Sources of reconstructed photographs: only for training, never for measuring."""

WHOLE = "whole"
"""Name of the run on the ordinary split; the others are ``fold0`` to ``fold4``."""

_VALIDATION_PICTURES = 256
"""Number of validation pictures; they only measure the spread of a network's answers."""


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """Common settings of all variants of a study.

    Attributes:
        data: labelled pictures.
        splits: their ordinary split.
        external: pictures without a part in any training.
        init: starting weights, a file.
        side: side of the square input in pixels; fine-tuning sees four fifths of it.
        seed: seed of the choice of pictures, and of the order and the changes in fine-tuning.
    """

    data: Path
    splits: Path
    external: Path
    init: Path
    side: int = 160
    seed: int = 42


@dataclass(frozen=True, slots=True)
class StudyRun:
    """Pictures of one run of one variant.

    Attributes:
        name: ``whole``, or ``fold`` and its number.
        train: training pictures.
        validation: validation pictures from the same split.
        test: pictures of the split's test, or of the sources that the run never sees.
        external: external pictures; only in ``whole``.
    """

    name: str
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]
    external: tuple[Sample, ...]


Train = Callable[[StudyRequest, Variant, StudyRun, Path], RunAnswers]
"""Function that trains and scores; its folder holds files for later runs."""


def run_study(
    request: StudyRequest, variants: Sequence[Variant], folder: Path, trainers: Mapping[bool, Train]
) -> None:
    """Train and measure the missing runs, one file of answers for each.

    Args:
        request: common settings.
        variants: variants to compare.
        folder: folder for the answers.
        trainers: training functions, by whether the network is tuned.

    Raises:
        TrustThePixelsError: data, weights or the folder cannot be used.
    """
    if not request.init.is_file():
        raise InputError(f"{request.init}: not a weights file; use --init with a file")
    jobs = [(variant, name) for variant in variants for name in _run_names()]
    data = _StudyData(request)
    _claim(folder, request, data)
    for variant, name in tqdm(jobs, unit="run", disable=None):
        path = answers_path(folder, variant, name)
        if not path.exists():
            train = trainers[variant.tuned]
            write_answers(path, train(request, variant, data.run(variant, name), folder))


def answers_path(folder: Path, variant: Variant, run: str) -> Path:
    """Return the path of one run's answers; a changed recipe has another path."""
    recipe = repr(replace(variant, change="")).encode()
    name = variant.name.replace(" ", "-").replace(",", "")
    return folder / f"{name}-{hashlib.sha256(recipe).hexdigest()[:8]}" / f"{run}.npz"


def read_variant(folder: Path, variant: Variant) -> dict[str, RunAnswers]:
    """Return the answers of a variant's six runs by name.

    Raises:
        InputError: a run is missing or unreadable.
    """
    return {name: read_answers(answers_path(folder, variant, name)) for name in _run_names()}


def study_pictures(request: StudyRequest) -> StudyPictures:
    """Return the pictures of a study's answers.

    Raises:
        InputError: the data cannot be read.
    """
    data = _StudyData(request)
    return StudyPictures(
        test=data.test(WHOLE),
        folds=tuple(data.test(f"fold{fold}") for fold in range(FOLDS)),
        external=data.external,
    )


def _claim(folder: Path, request: StudyRequest, data: "_StudyData") -> None:
    """Write the settings of the folder's answers, or check that they are equal.

    Raises:
        UsageError: the folder was begun with other settings; the text names them.
        OutputError: the folder cannot be written.
    """
    path = folder / "request.json"
    wanted: dict[str, Any] = {
        "data": data.fingerprint,
        "external": fingerprint(data.external),
        "init": hashlib.sha256(request.init.read_bytes()).hexdigest(),
        "splits": hashlib.sha256(request.splits.read_bytes()).hexdigest(),
        "side": request.side,
        "seed": request.seed,
        "last layer": {"changed views": CHANGED_VIEWS, "C": INVERSE_PENALTY},
    }
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot use {path}: {error}") from error
    changed = [key for key, value in wanted.items() if found.get(key) != value]
    if changed:
        raise UsageError(
            f"{folder} holds a study with other {', '.join(changed)}; use another --out"
        )


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder for checkpoints, which is deleted after the run."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix="run-") as scratch:
        yield Path(scratch)


def _run_names() -> tuple[str, ...]:
    return (WHOLE, *(f"fold{fold}" for fold in range(FOLDS)))


class _StudyData:
    """Pictures of a study, and their splits."""

    def __init__(self, request: StudyRequest) -> None:
        self._seed = request.seed
        self._samples = load_samples(request.data)
        self._splits = {WHOLE: read_splits(request.splits)}
        for fold in range(FOLDS):
            self._splits[f"fold{fold}"] = split_by_fold(self._samples, fold)
        self.external = tuple(load_samples(request.external))
        self.fingerprint = fingerprint(self._samples)

    def run(self, variant: Variant, name: str) -> StudyRun:
        """Return the pictures of one run; a variant's exclusions apply to its training alone."""
        gone = set(variant.without)
        if not variant.reconstructions:
            gone |= set(RECONSTRUCTIONS)
        train = [one for one in self._part(name, Split.TRAIN) if one.source not in gone]
        train = _share(train, variant.share, self._seed, lambda sample: sample.group)
        train = [
            sample
            for label in ("ai", "real")
            for sample in _share(
                [one for one in train if one.label == label],
                variant.share_of_sources,
                self._seed,
                lambda sample: sample.source,
            )
        ]
        require_both_classes(train, f"the training of '{variant.name}'")
        validation = self._measured(name, Split.VALIDATION)
        few = set(shuffled((one.file for one in validation), self._seed)[:_VALIDATION_PICTURES])
        return StudyRun(
            name,
            tuple(train),
            tuple(sample for sample in validation if sample.file in few),
            self.test(name),
            self.external if name == WHOLE else (),
        )

    def test(self, name: str) -> tuple[Sample, ...]:
        """Return the pictures on which a run is measured."""
        return self._measured(name, Split.TEST)

    def _measured(self, name: str, split: Split) -> tuple[Sample, ...]:
        part = self._part(name, split)
        return tuple(sample for sample in part if sample.source not in RECONSTRUCTIONS)

    def _part(self, name: str, split: Split) -> list[Sample]:
        splits = self._splits[name]
        # The bundled model's split has no reconstructions; they follow their photographs.
        by_group = {one.group: splits[one.file] for one in self._samples if one.file in splits}
        known = [sample for sample in self._samples if sample.group in by_group]
        return select(known, {one.file: by_group[one.group] for one in known}, split)


def _share(
    samples: list[Sample], share: float, seed: int, key: Callable[[Sample], str]
) -> list[Sample]:
    """Return the samples of a seeded share of all groups, or of all sources."""
    if share == 1.0:
        return samples
    names = shuffled({key(sample) for sample in samples}, seed)
    chosen = set(names[: max(1, round(share * len(names)))])
    return [sample for sample in samples if key(sample) in chosen]
