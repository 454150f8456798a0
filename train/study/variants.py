"""Recipes that a study compares, each one change away from ``web-light``."""

from dataclasses import dataclass, replace

from trustthepixels.infer.errors import UsageError

from ..fitting.recipes import REFERENCE, WEB, WEB_LIGHT, Recipe, Trained
from ..pictures.augment import Augmentation
from ..pictures.crops import Shown

FROZEN_ARCHITECTURE = "resnet18_stages"
FINE_ARCHITECTURE = "resnet18_fine_stages"
TUNED_ARCHITECTURE = "resnet18"

_TUNED_SIZE = 0.8
"""Factor on the side for fine-tuning, which takes ten times as long as frozen stages."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of a study.

    Attributes:
        name: name in the report and in file names.
        change: description of the change.
        recipe: recipe with the changes of pictures and the training.
        tuned: true fine-tunes the network; otherwise a logistic regression is fitted to the
            features of its frozen stages.
        architecture: timm's name, a ResNet.
        size: side of its views, as a multiple of the study's.
        share: share of the training groups that take part, 0 to 1.
        share_of_sources: share of the training sources that take part, 0 to 1.
        without: sources that take no part in its training; it is measured on them nevertheless.
        reconstructions: true if reconstructed photographs take part in its training.
    """

    name: str
    change: str
    recipe: Recipe = WEB_LIGHT
    tuned: bool = False
    architecture: str = FROZEN_ARCHITECTURE
    size: float = 1.0
    share: float = 1.0
    share_of_sources: float = 1.0
    without: tuple[str, ...] = ()
    reconstructions: bool = False


def _seen(view: Shown) -> Recipe:
    augmentation: Augmentation = replace(WEB_LIGHT.augmentation, view=view)
    return replace(WEB_LIGHT, augmentation=augmentation)


def _tuned(name: str, change: str, recipe: Recipe) -> Variant:
    return Variant(
        name, change, recipe, tuned=True, architecture=TUNED_ARCHITECTURE, size=_TUNED_SIZE
    )


VARIANTS = (
    Variant("reference", "the whole picture resized, flips only", REFERENCE),
    Variant("web", "crops, stretching, re-encoding, rescaling, blur and noise", WEB),
    Variant("web-light", "the same, rarer and weaker"),
    Variant("crops", "parts at native resolution, four averaged", _seen(Shown.CROP)),
    Variant("both views", "the whole picture and four parts", _seen(Shown.BOTH)),
    Variant(
        "fine stem",
        "without the max-pool, at three quarters of the side",
        architecture=FINE_ARCHITECTURE,
        size=0.75,
    ),
    Variant("pairs", "with photographs' reconstructions, changed alike", reconstructions=True),
    Variant("no hard photographs", "without the polished photographs", without=("pro_photos",)),
    Variant("quarter of pictures", "a quarter of the groups", share=0.25),
    Variant("half of pictures", "half of the groups", share=0.5),
    Variant("half of sources", "half of the sources of each class", share_of_sources=0.5),
    Variant("larger view", "1.4 times the side, as fine-tuning usually sees it", size=1.4),
    Variant("native view", "1.8 times the side, as large as the data's pictures are", size=1.8),
    _tuned("reference, tuned", "as reference, fine-tuned, at four fifths of the side", REFERENCE),
    _tuned("web-light, tuned", "as web-light, with CutMix, fine-tuned too", WEB_LIGHT),
    _tuned("crops, tuned", "as crops, fine-tuned too", _seen(Shown.CROP)),
    _tuned(
        "both views, tuned",
        "the whole or a part at random, five averaged, fine-tuned too",
        _seen(Shown.BOTH),
    ),
    replace(
        _tuned(
            "pairs, tuned",
            "photographs and their reconstructions in one batch, fine-tuned too",
            replace(WEB_LIGHT, pairs=True),
        ),
        reconstructions=True,
    ),
    _tuned(
        "late stages, tuned",
        "the last two stages alone, fine-tuned too",
        replace(WEB_LIGHT, trained=Trained.LATE),
    ),
    _tuned(
        "no mixing, tuned",
        "without CutMix and label smoothing, fine-tuned too",
        replace(WEB_LIGHT, cutmix_probability=0.0, label_smoothing=0.0),
    ),
    _tuned(
        "no average, tuned",
        "without the moving average of the weights, fine-tuned too",
        replace(WEB_LIGHT, ema_decay=None),
    ),
)


def variants_by_name(names: tuple[str, ...]) -> tuple[Variant, ...]:
    """Return the named variants in the order of ``VARIANTS``; all without a name.

    Raises:
        UsageError: no variant has this name.
    """
    known = {variant.name for variant in VARIANTS}
    for name in names:
        if name not in known:
            raise UsageError(f"no variant '{name}'; use one of {'; '.join(sorted(known))}")
    return tuple(variant for variant in VARIANTS if not names or variant.name in names)
