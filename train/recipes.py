"""Training recipes: everything that shapes the pictures and the optimisation, one value each."""

from dataclasses import dataclass
from enum import StrEnum

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.images.views import View


class Trained(StrEnum):
    """Which weights a training changes; the others stay as they are, batch norms too.

    Attributes:
        ALL: all of them.
        LATE: the last two stages of a ResNet and the last layer.
    """

    ALL = "all"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random changes to a training picture, the same for both classes.

    Each range is uniform unless said otherwise; each ``*_probability`` is 0 to 1.

    Attributes:
        view: whole pictures, after crop and stretch, or native parts, without either.
        crop_area: share of the picture's area that the random crop keeps.
        crop_aspect: largest aspect of the crop before it is stretched to a square; log-uniform
            from its inverse, so that the shape of the original says nothing.
        rescale: factor from the crop to an intermediate size, by a random kernel.
        rescale_probability: how often that happens.
        encode_probability: how often the picture is written as JPEG or WebP and read back.
        encode_quality: range of both encoders' quality setting.
        blur_probability: how often a Gaussian blur is applied.
        blur_radius: range of its standard deviation in pixels.
        noise_probability: how often Gaussian noise is added.
        noise_deviation: range of its standard deviation in grey levels of 255.
        colour_probability: how often brightness, contrast and saturation are changed.
        colour_strength: largest relative change of each.
    """

    view: View = View.WHOLE
    crop_area: tuple[float, float] = (1.0, 1.0)
    crop_aspect: float = 1.0
    rescale: tuple[float, float] = (1.0, 1.0)
    rescale_probability: float = 0.0
    encode_probability: float = 0.0
    encode_quality: tuple[int, int] = (30, 100)
    blur_probability: float = 0.0
    blur_radius: tuple[float, float] = (0.3, 1.5)
    noise_probability: float = 0.0
    noise_deviation: tuple[float, float] = (1.0, 8.0)
    colour_probability: float = 0.0
    colour_strength: float = 0.2


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train.

    Attributes:
        name: as ``--recipe`` takes it.
        augmentation: what happens to the pictures, besides a horizontal flip.
        label_smoothing: of the cross entropy, 0 to 1.
        cutmix_probability: share of batches in which a rectangle of each picture comes from another
            (CutMix, Yun et al. 2019): the verdict must rest on traces that are everywhere.
        weight_decay: of AdamW; none on biases and normalisation layers.
        warmup_share: share of all steps in which the learning rate rises linearly.
        ema_decay: of the weights' exponential moving average, per step; ``None`` for no average.
        trained: which weights change.
        pairs: a photograph and its reconstruction come in one batch with the same random changes.
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


REFERENCE = Recipe("reference", Augmentation())
"""The reference work's view: the whole picture stretched to a square, flips only."""

WEB = Recipe(
    "web",
    Augmentation(
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
"""Pictures as the web leaves them: cropped, stretched, rescaled and re-encoded, both classes alike.

The ranges follow what de-biased comparisons of detectors found to matter: JPEG quality 30 to 100,
WebP, rescaling by 0.4 to 1.3 with random kernels.
"""

WEB_LIGHT = Recipe(
    "web-light",
    Augmentation(
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
"""The same changes, rarer and weaker, and CutMix: the second half of the bundled model's training.
"""

DISTIL = Recipe(
    "distil",
    WEB.augmentation,
    label_smoothing=0.0,
    cutmix_probability=0.5,
    weight_decay=0.01,
    ema_decay=0.99,
)
"""For ``--teacher``: strong changes and much mixing, since the teacher answers for every view."""

RECIPES = {recipe.name: recipe for recipe in (WEB, WEB_LIGHT, REFERENCE, DISTIL)}


def recipe_by_name(name: str) -> Recipe:
    """Look a recipe up.

    Raises:
        UsageError: no recipe has this name.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UsageError(f"no recipe '{name}'; there are {', '.join(RECIPES)}") from None
