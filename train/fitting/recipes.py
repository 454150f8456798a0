"""Training recipes: all settings of the pictures and of the optimisation, as values."""

from dataclasses import dataclass
from enum import StrEnum

from trustthepixels.infer.errors import UsageError

from ..pictures.augment import Augmentation


class Trained(StrEnum):
    """Weights that a training changes; the others stay unchanged, with their batch norms.

    Attributes:
        ALL: all weights.
        LATE: the last two stages of a ResNet and the last layer.
    """

    ALL = "all"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe for training.

    Attributes:
        name: its name for ``--recipe``.
        augmentation: changes of the pictures, besides a mirror image.
        label_smoothing: smoothing of the cross entropy, 0 to 1.
        cutmix_probability: share of batches in which a rectangle of each picture comes from another
            (CutMix, Yun et al. 2019): the verdict must rest on traces that are everywhere.
        weight_decay: weight decay of AdamW; none on biases and normalisation layers.
        warmup_share: share of all steps in which the learning rate rises linearly.
        ema_decay: decay of the weights' exponential moving average per step; ``None`` for no
            average.
        trained: weights that change.
        pairs: true puts a photograph and its reconstruction into one batch with the same changes.
    """

    name: str
    augmentation: Augmentation
    label_smoothing: float = 0.1
    cutmix_probability: float = 0.0
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    ema_decay: float | None = 0.99
    trained: Trained = Trained.ALL
    pairs: bool = False


_ALL_ORIENTATIONS = 0.75
"""Scans lie on their sides as often as not: nothing may hang on where up is."""

REFERENCE = Recipe("reference", Augmentation())
"""Recipe of the reference work: the whole picture stretched to a square, flips only."""

WEB = Recipe(
    "web",
    Augmentation(
        turn_probability=_ALL_ORIENTATIONS,
        crop_area=(0.5, 1.0),
        crop_aspect=1.4,
        rescale=(0.4, 1.3),
        rescale_probability=0.5,
        encode_probability=0.6,
        blur_probability=0.1,
        noise_probability=0.1,
        colour_probability=0.3,
    ),
)
"""Recipe for pictures from the web: cropped, stretched, rescaled and re-encoded, both classes
alike.

The ranges follow the findings of de-biased comparisons of detectors: JPEG quality 30 to 100, WebP,
rescaling by 0.4 to 1.3 with random kernels.
"""

WEB_LIGHT = Recipe(
    "web-light",
    Augmentation(
        turn_probability=_ALL_ORIENTATIONS,
        crop_area=(0.5, 1.0),
        crop_aspect=1.4,
        rescale=(0.6, 1.3),
        rescale_probability=0.3,
        encode_probability=0.5,
        encode_quality=(40, 100),
        blur_probability=0.05,
        noise_probability=0.05,
        colour_probability=0.2,
    ),
    cutmix_probability=0.5,
    ema_decay=0.995,
)
"""Rarer and weaker changes than ``WEB``, and CutMix: the second half of the bundled model's
training."""

DISTIL = Recipe(
    "distil",
    WEB.augmentation,
    label_smoothing=0.0,
    cutmix_probability=0.5,
    weight_decay=0.01,
    ema_decay=0.99,
)
"""Recipe for ``--teacher``: strong changes and much mixing, because the teacher answers for every
view."""

ORIGINALS = Recipe(
    "originals",
    Augmentation(
        turn_probability=_ALL_ORIENTATIONS,
        crop_shapes=(1.0, 1.0, 1.0, 4 / 3, 3 / 4, 3 / 2, 2 / 3, 16 / 9, 9 / 16, 5 / 4, 4 / 5),
        rescale=(0.5, 1.2),
        rescale_sides=(240, 900),
        rescale_probability=0.8,
        encode_probability=0.75,
        encode_quality=(40, 97),
        encode_again_probability=0.25,
        blur_probability=0.06,
        sharpen_probability=0.06,
        noise_probability=0.05,
        grey_probability=0.05,
        border_probability=0.05,
        colour_probability=0.15,
    ),
)
"""Recipe for pictures at their original bytes, where size, shape and codec nearly name the source:
all three are drawn anew, for both classes alike."""

RECIPES = {recipe.name: recipe for recipe in (WEB, WEB_LIGHT, REFERENCE, DISTIL, ORIGINALS)}


def recipe_by_name(name: str) -> Recipe:
    """Look a recipe up.

    Raises:
        UsageError: no recipe has this name.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UsageError(f"no recipe '{name}'; use one of {', '.join(RECIPES)}") from None
