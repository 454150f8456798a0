"""Five fixed folds that hold whole sources out, to measure a model on sources that it never saw.

Sources form units that are never torn apart. Those that share a group are one unit, such as a
photograph and its reconstruction, or several generators' answers to one prompt. The units, the
largest first, each go to the fold with the fewest pictures of the unit's larger class. Sources of
faces go to different folds as long as there are folds without any; otherwise a model could miss all
faces of a class at once. ``KNOWN_FOLDS`` is the result of this rule for the sources of the bundled
model's data. It was fixed before the first training; other sources are spread around it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from trustthepixels.infer.errors import InputError, UsageError
from trustthepixels.infer.results import LABELS

from .manifest import Sample
from .splits import Split, split_off_validation

FOLDS = 5

KNOWN_FOLDS: Mapping[str, int] = {
    # Photographs, then AI pictures.
    "pro_photos": 0,
    "diffusiondb": 0,
    "cc0_portraits": 0,
    "sd15_artists": 0,
    "t2i_2022": 0,
    "imagenet_sample": 1,
    "sunhays": 1,
    "taef2_reconstruction": 1,
    "sfhq_t2i": 1,
    "coco_imagenet_512": 2,
    "sd_finetunes_horde": 2,
    "midjourney_bingo": 2,
    "dalle2_bingo": 2,
    "sd_bingo": 2,
    "stylegan_faces": 2,
    "sd_animals": 2,
    "food_phone": 3,
    "hymenoptera": 3,
    "dreambooth": 3,
    "gpt4o_nanobanana": 3,
    "sd_artdisplay": 3,
    "eshop_dalle3": 3,
    "ffhq": 4,
    "bsds500": 4,
    "urban100": 4,
    "grok_stock": 4,
    "modern_ai": 4,
    "comfy_repos": 4,
}
"""Fold in which each source of the bundled model's data is held out."""

FACE_SOURCES = frozenset({"sfhq_t2i", "cc0_portraits", "stylegan_faces", "ffhq"})

_VALIDATION_SEED = 42


def source_folds(
    samples: Sequence[Sample], known: Mapping[str, int] = KNOWN_FOLDS
) -> dict[str, int]:
    """Return the fold, 0 to 4, in which each source is held out; see the rule above.

    Args:
        samples: the whole data set; its order does not matter.
        known: sources with a fixed fold.

    Raises:
        InputError: sources that share a group have different known folds.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        counts[sample.source][sample.label] += 1
    folds: dict[str, int] = {}
    filled: list[Counter[str]] = [Counter() for _ in range(FOLDS)]

    def put(unit: Sequence[str], fold: int) -> None:
        for source in unit:
            folds[source] = fold
            filled[fold] += counts[source]

    units = source_units(samples)
    settled = {unit: {known[source] for source in unit if source in known} for unit in units}
    for unit, fixed in settled.items():
        if len(fixed) > 1:
            raise InputError(f"{', '.join(unit)} share a group, but belong to different folds")
        if fixed:
            put(unit, *fixed)
    free = [unit for unit, fixed in settled.items() if not fixed]
    sizes = {unit: sum((counts[source] for source in unit), Counter[str]()) for unit in free}
    for unit in sorted(free, key=lambda unit: (-sizes[unit].total(), unit)):
        label = max(LABELS, key=lambda label: sizes[unit][label])
        has_faces = not FACE_SOURCES.isdisjoint(unit)
        faces = {folds[source] for source in folds if source in FACE_SOURCES} if has_faces else ()
        put(unit, min(range(FOLDS), key=lambda fold: (fold in faces, filled[fold][label], fold)))
    return folds


def leave_sources_out(samples: Sequence[Sample], fold: int) -> tuple[list[Sample], list[Sample]]:
    """Return the pictures for training, and those of the sources that a fold holds out, in order.

    Raises:
        UsageError: the fold does not exist.
        InputError: one of the two has no pictures of a class, because the data has too few sources.
    """
    if fold not in range(FOLDS):
        raise UsageError(f"no fold {fold}; use one of 0 to {FOLDS - 1}")
    folds = source_folds(samples)
    train = [sample for sample in samples if folds[sample.source] != fold]
    held_out = [sample for sample in samples if folds[sample.source] == fold]
    for part, name in ((train, "the rest"), (held_out, "the held-out part")):
        for label in LABELS:
            if not any(sample.label == label for sample in part):
                raise InputError(
                    f"fold {fold}: {name} has no pictures of class '{label}'; folds of whole "
                    f"sources need {FOLDS} sources or more of each class in the manifest"
                )
    return train, held_out


def split_by_fold(samples: Sequence[Sample], fold: int) -> dict[str, Split]:
    """Return the splits of a training that never sees a fold's sources: they are its test.

    One of eight of the other pictures, in whole groups, is for validation. The folds need no seed
    and are the same for every training.

    Returns:
        The split of each ``Sample.file``.

    Raises:
        UsageError: the fold does not exist.
        InputError: the data has too few sources, or too few groups.
    """
    rest, held_out = leave_sources_out(samples, fold)
    validation, train = split_off_validation(rest, _VALIDATION_SEED)
    parts = {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: held_out}
    return {sample.file: split for split, part in parts.items() for sample in part}


def source_units(samples: Sequence[Sample]) -> list[tuple[str, ...]]:
    """Return units of sources that share groups, directly or through others, each sorted."""
    unit_of: dict[str, set[str]] = {}
    sources_of: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        sources_of[sample.group].add(sample.source)
    for linked in sources_of.values():
        merged = linked.union(*(unit_of.get(source, ()) for source in linked))
        for source in merged:
            unit_of[source] = merged
    return sorted({tuple(sorted(unit)) for unit in unit_of.values()})
