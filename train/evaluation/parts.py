"""Parts of the data that an evaluation measures, each with its split."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from trustthepixels.infer.errors import InputError, UsageError
from trustthepixels.infer.files.labelled import MANIFEST_NAME
from trustthepixels.infer.provenance.options import options_of

from ..data.folds import FOLDS, leave_sources_out, split_by_fold
from ..data.manifest import Sample, list_samples, without_sources
from ..data.splits import Split, read_splits, select
from ..data.stated import stated_samples
from ..data.trained_on import training_splits
from ..settings import SPLITS_NAME
from .request import DataRequest, EvaluationRequest, Labels


class PartKind(StrEnum):
    """Relation of a part's pictures to the model, in the words of the reports."""

    ALL = "all pictures"
    TRAIN = "training split"
    VALIDATION = "validation split"
    TEST = "test split"
    HELD_OUT = "sources held out"
    EXTERNAL = "external"
    STATED = "labelled by their own credentials"


_KIND = {
    Split.TRAIN: PartKind.TRAIN,
    Split.VALIDATION: PartKind.VALIDATION,
    Split.TEST: PartKind.TEST,
}


@dataclass(frozen=True, slots=True)
class Portion:
    """Pictures for which one model answers.

    Attributes:
        model: its name on the command line.
        samples: the pictures.
        fold: fold whose held-out sources these are, if any.
        data: the pictures among which they were chosen.
        splits: splits of ``data`` that may be those that the model was trained with.
        trained_on: number of these pictures that the model was trained on; ``None`` if unknown.
    """

    model: str
    samples: tuple[Sample, ...]
    fold: int | None = None
    data: tuple[Sample, ...] = field(default=(), repr=False)
    splits: Mapping[str, Split] | None = field(default=None, repr=False, hash=False)
    trained_on: int | None = None

    def compared_with(self, fingerprint: str) -> "Portion":
        """Return this portion with ``trained_on``.

        Args:
            fingerprint: of the pictures and splits that the model records.
        """
        beside = Path(self.model).with_name(SPLITS_NAME) if Path(self.model).is_file() else None
        splits = training_splits(fingerprint, self.data or self.samples, self.splits, beside)
        if splits is None:
            return self
        known = sum(splits.get(sample.file) is Split.TRAIN for sample in self.samples)
        return replace(self, trained_on=known)


@dataclass(frozen=True, slots=True)
class Part:
    """A set of pictures with one row of figures for each tier.

    Attributes:
        data: name of the data set's folder.
        kind: split of the part.
        portions: one portion, or one for each fold.
        excluded_sources: sources that are left out.
    """

    data: str
    kind: PartKind
    portions: tuple[Portion, ...]
    excluded_sources: tuple[str, ...] = ()

    @property
    def samples(self) -> list[Sample]:
        """All pictures of the part."""
        return [sample for portion in self.portions for sample in portion.samples]

    @property
    def trained_on(self) -> int | None:
        """Number of its pictures that their model was trained on; ``None`` if unknown."""
        known = [portion.trained_on for portion in self.portions]
        return None if None in known else sum(one or 0 for one in known)

    @property
    def folds(self) -> tuple[int, ...]:
        """Folds of the part."""
        return tuple(portion.fold for portion in self.portions if portion.fold is not None)

    @property
    def title(self) -> str:
        """Title next to each of its figures, such as ``photos, test split``."""
        text = f"{self.data}, {self.kind}"
        if len(self.folds) == FOLDS:
            text += f" in {FOLDS} folds"
        elif self.folds:
            name = "fold" if len(self.folds) == 1 else "folds"
            text += f" in {name} {', '.join(map(str, self.folds))}"
        return text

    @property
    def full_title(self) -> str:
        """Title with the sources that are left out."""
        if not self.excluded_sources:
            return self.title
        return f"{self.title}, without {', '.join(self.excluded_sources)}"

    @property
    def slug(self) -> str:
        """Name of the part in file names."""
        return re.sub(r"[^A-Za-z0-9_]+", "-", f"{self.data}-{self.kind}").strip("-")


def choose_parts(request: EvaluationRequest) -> list[Part]:
    """Read the data sets and choose the requested pictures.

    Raises:
        InputError: data or splits cannot be read, or nothing is left.
        UsageError: options exclude each other.
    """
    parts = list(_parts(request))
    slugs = [part.slug for part in parts]
    for part in parts:
        if not part.samples:
            raise InputError(f"{part.title}: no pictures are left to evaluate")
        if slugs.count(part.slug) > 1:
            raise UsageError(f"two data sets are called '{part.data}'; rename one of the folders")
    return parts


def _parts(request: EvaluationRequest) -> Iterator[Part]:
    choice = request.data
    if (choice.splits is None) != (choice.split is None):
        raise UsageError("--splits FILE and --split PART are needed together")
    if choice.split is not None and choice.fold is not None:
        raise UsageError("--split and --fold exclude each other")
    if choice.labels is Labels.PROVENANCE:
        yield _stated(request)
        yield from _external(request)
        return
    if choice.trust_list is not None:
        raise UsageError("--trust-list needs --labels-from-provenance")
    samples = list_samples(choice.data)
    kept = without_sources(samples, choice.exclude_sources)
    name, excluded = _name(choice.data), choice.exclude_sources
    if choice.split is not None or choice.fold is not None or not request.fold_models:
        kind, portion = _own(request.model, choice, samples, kept)
        yield Part(name, kind, (portion,), excluded)
    if request.fold_models:
        portions = (
            _held_out(model, fold, samples, excluded)
            for fold, model in sorted(request.fold_models.items())
        )
        yield Part(name, PartKind.HELD_OUT, tuple(portions), excluded)
    yield from _external(request)


def _external(request: EvaluationRequest) -> Iterator[Part]:
    for folder in request.data.external:
        portion = Portion(request.model, tuple(list_samples(folder)))
        yield Part(_name(folder), PartKind.EXTERNAL, (portion,))


def _stated(request: EvaluationRequest) -> Part:
    choice = request.data
    if choice.split or choice.fold is not None or request.fold_models or choice.exclude_sources:
        raise UsageError(
            "--labels-from-provenance knows no splits, folds and sources; leave those options out"
        )
    samples = stated_samples(choice.data, options_of(trust_list=choice.trust_list))
    portion = Portion(request.model, tuple(samples))
    return Part(_name(choice.data), PartKind.STATED, (portion,))


def _own(
    model: str, choice: DataRequest, samples: list[Sample], kept: list[Sample]
) -> tuple[PartKind, Portion]:
    """Return the pictures on which the model itself is measured."""
    if choice.fold is not None:
        return PartKind.HELD_OUT, _held_out(model, choice.fold, samples, choice.exclude_sources)
    if choice.splits is None or choice.split is None:
        return PartKind.ALL, Portion(model, tuple(kept))
    splits = read_splits(choice.splits)
    chosen = select(kept, splits, choice.split)
    return _KIND[choice.split], Portion(model, tuple(chosen), data=tuple(kept), splits=splits)


def _held_out(model: str, fold: int, samples: list[Sample], excluded: Iterable[str]) -> Portion:
    # Sources are left out last; otherwise they would move the folds of the others.
    _, held_out = leave_sources_out(samples, fold)
    gone = set(excluded)
    return Portion(
        model,
        tuple(sample for sample in held_out if sample.source not in gone),
        fold,
        tuple(without_sources(samples, gone)),
        split_by_fold(samples, fold),
    )


def _name(data: Path) -> str:
    """Return the data set's folder name for any form of its path."""
    resolved = data.resolve()
    return resolved.parent.name if resolved.name == MANIFEST_NAME else resolved.name
