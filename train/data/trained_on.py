"""Pictures of a model's training, as far as data and model identify them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from trustthepixels.infer.errors import InputError

from .folds import FOLDS, source_units, split_by_fold
from .manifest import Sample, read_sources
from .splits import Split, read_splits, split_by_group, splits_fingerprint

USUAL_SEED = 42
"""Seed of the split, unless ``train`` is told another."""


def training_splits(
    fingerprint: str,
    samples: Sequence[Sample],
    given: Mapping[str, Split] | None = None,
    beside: Path | None = None,
) -> Mapping[str, Split] | None:
    """Return the splits of these pictures that a model was trained with; ``None`` if unknown.

    A model carries a fingerprint of its pictures and their splits. The splits that may have that
    fingerprint are tried: the given ones, those of the model's run folder, and those that ``train``
    makes by itself, from its usual seed, for a fold, or of all pictures.

    Args:
        fingerprint: of the model's specification; empty for none.
        samples: all pictures of a data set.
        given: splits that may be the model's.
        beside: a ``splits.csv`` that may be the model's; it need not exist.
    """
    if not fingerprint:
        return None
    for make in _candidates(samples, given, beside):
        # Too few groups for a split, or a file that holds something else.
        with suppress(InputError):
            splits = make()
            if splits_fingerprint(samples, splits) == fingerprint:
                return splits
    return None


def _candidates(
    samples: Sequence[Sample], given: Mapping[str, Split] | None, beside: Path | None
) -> Iterator[Callable[[], Mapping[str, Split]]]:
    if given is not None:
        yield lambda: given
    if beside is not None and beside.is_file():
        yield partial(read_splits, beside)
    yield partial(split_by_group, samples, USUAL_SEED)
    for fold in range(FOLDS):
        yield partial(split_by_fold, samples, fold)
    yield lambda: {sample.file: Split.TRAIN for sample in samples}


def learned_sources(manifest: Path, samples: Sequence[Sample]) -> frozenset[str]:
    """Return the sources that a manifest names, and those that share a group with one of them.

    Args:
        manifest: CSV with a column ``source``; its pictures need not be there.
        samples: all pictures of a data set.

    Raises:
        InputError: the manifest cannot be read, or names no source of the data set.
    """
    named = read_sources(manifest)
    units = [unit for unit in source_units(samples) if not named.isdisjoint(unit)]
    if not units:
        raise InputError(
            f"{manifest} names no source of the data; compare the column source of both, or leave "
            "--learned-sources out"
        )
    return frozenset(source for unit in units for source in unit)
