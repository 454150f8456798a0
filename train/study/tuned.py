"""Runs of a study that fine-tune the network, and answers of networks trained elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..arrays import FloatArray
from ..calibration.calibrate import margin_of
from ..calibration.logits import score
from ..data.manifest import Sample
from ..fitting.fit import fit, prepare_fit
from ..networks.choices import Device, Precision
from ..networks.hardware import choose_accelerator
from ..networks.network import Classifier
from ..networks.weights import load_backbone, load_checkpoint, read_state
from ..pictures.batches import views_of_sample
from ..pictures.crops import Shown
from ..pictures.tiers import Tier
from ..settings import TrainSettings
from .answers import RunAnswers
from .protocol import StudyRequest, StudyRun, scratch_folder
from .variants import Variant

_EMA_DECAY = 0.97
"""Decay of the moving average: it must forget the start within one or two hundred steps."""

_TRAIN_SHARE = 0.8
"""Side of the views in training, as a share of the side when measuring (FixRes)."""


def train_tuned(request: StudyRequest, variant: Variant, run: StudyRun, folder: Path) -> RunAnswers:
    """Fine-tune for one epoch and score the pictures.

    Raises:
        TrustThePixelsError: pictures, weights or the folder cannot be used.
    """
    recipe = variant.recipe
    if recipe.ema_decay is not None:
        recipe = replace(recipe, ema_decay=_EMA_DECAY)
    side = round(request.side * variant.size)
    settings = TrainSettings(
        data=str(request.data),
        architecture=variant.architecture,
        init=str(request.init),
        image_size=side,
        train_size=round(_TRAIN_SHARE * side),
        epochs=1,
        seed=request.seed,
    )
    with scratch_folder(folder) as scratch:
        start = prepare_fit(settings, scratch, Device.AUTO, Precision.AUTO, recipe)
        best = fit(settings, start, run.train, run.validation, scratch)
        network = Classifier(variant.architecture)
        load_backbone(network, read_state(best), best)
    return judge(network, run, side, recipe.augmentation.view)


def answers_of_trained(weights: Path, run: StudyRun) -> RunAnswers:
    """Return the answers of a finished training run's weights.

    Raises:
        InputError: the weights cannot be read.
        SpecError: the weights have no spec.
    """
    network, spec = load_checkpoint(weights)
    return judge(network, run, max(spec.input_size), Shown.WHOLE)


def judge(network: Classifier, run: StudyRun, side: int, view: Shown) -> RunAnswers:
    """Score the pictures of a run with a network.

    Args:
        network: network in float32.
        run: the pictures.
        side: side of the network's square input.
        view: view of each picture; the logits of several views are averaged.
    """
    device = choose_accelerator(Device.AUTO)

    def margins(samples: Sequence[Sample], tier: Tier = Tier.CLEAN) -> FloatArray:
        see = partial(views_of_sample, view=view, size=(side, side), tier=tier)
        return margin_of(score(network, samples, see, device))

    return RunAnswers(
        validation=margins(run.validation),
        test=margins(run.test),
        external=margins(run.external),
        external_web=margins(run.external, Tier.WEB),
    )
