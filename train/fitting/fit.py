"""Run a training with Lightning: data, loggers, checkpoints, resume."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    Callback,
    EMAWeightAveraging,
    ModelCheckpoint,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.images.shape import InputShape

from ..data.manifest import Sample
from ..networks.choices import Device, Precision
from ..networks.hardware import Arithmetic, choose_arithmetic, process_count
from ..networks.network import Classifier
from ..networks.starting_weights import initialise
from ..networks.teacher import Teacher, view_size
from ..pictures.dataset import loader_errors
from ..pictures.kept_views import require_memory
from ..settings import CHECKPOINTS_NAME, TrainSettings
from .hidden_layer import hidden_units
from .lightning import ClassifierModule
from .loaders import training_loader, validation_loader
from .recipes import Recipe, recipe_by_name

LAST_CHECKPOINT = "last.ckpt"
LOGS_NAME = "logs"
"""Folder with one ``version_N/metrics.csv`` for the start and each resumption of a run."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Starting point of a training.

    Attributes:
        recipe: recipe of the training.
        network: network with its starting weights, unless a checkpoint is resumed.
        teacher: networks whose answers are learned, if any.
        arithmetic: device and precision.
    """

    recipe: Recipe
    network: Classifier
    teacher: Teacher | None
    arithmetic: Arithmetic


def prepare_fit(
    settings: TrainSettings,
    folder: Path,
    device: Device,
    precision: Precision,
    recipe: Recipe | None = None,
) -> Start:
    """Prepare everything that a training needs, or fail; nothing is written.

    Args:
        settings: settings of the run.
        folder: folder of the run; it may hold a checkpoint to resume from.
        device: device of the training.
        precision: arithmetic of the training.
        recipe: recipe that replaces the one of the settings.

    Raises:
        ProviderError: CUDA was asked for and is unavailable.
        UsageError: the recipe does not exist; it needs pairs but views are kept one by one; the
            network has other views; or it supports neither the last layer alone nor the teacher.
        InputError: timm has no such architecture, weights cannot be used, or teachers see pictures
            at different sizes.
    """
    arithmetic = choose_arithmetic(device, precision)
    recipe = recipe or recipe_by_name(settings.recipe)
    if settings.views and recipe.pairs:
        raise UsageError("--views changes pictures one by one; a recipe of pairs needs --views 0")
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    network = Classifier(settings.architecture)
    if network.views != settings.input_views:
        needed = " ".join(f"--view {view}" for view in network.views)
        raise UsageError(f"{settings.architecture} has other views; use {needed}")
    if settings.epochs == 0 and hidden_units(network):
        refused = {"--teacher": settings.teachers, "--inverse-penalty": settings.inverse_penalty}
        for option, given in refused.items():
            if given:
                raise UsageError(
                    f"{settings.architecture} has a hidden layer, which {option} does not fit"
                )
    if not _last_checkpoint(folder).exists():
        described = initialise(network, settings.init, settings.average_with, settings.part_init)
        if is_first_process():
            _log.info("starting from %s", described)
    teacher = Teacher([Path(file) for file in settings.teachers]) if settings.teachers else None
    if teacher and settings.epochs and len(settings.input_views + teacher.input_shape.views) > 2:
        raise UsageError(
            "where network or teacher has several views, the last layer alone can learn from a "
            "teacher; use --epochs 0"
        )
    return Start(recipe, network, teacher, arithmetic)


def require_room(
    settings: TrainSettings, start: Start, train: Sequence[Sample], validation: Sequence[Sample]
) -> None:
    """Refuse views that do not fit into memory; nothing is read or written.

    Args:
        settings: settings of the run.
        start: starting point of the run.
        train: the training split.
        validation: the validation split, which is kept with it.

    Raises:
        UsageError: the views are too many, or too large.
    """
    if settings.views:
        changed = len(train) * settings.views * math.prod(_changed_shape(settings, start).axes)
        kept = changed + len(validation) * math.prod(settings.input_shape.axes)
        require_memory(process_count(start.arithmetic.accelerator) * kept)


def fit(
    settings: TrainSettings,
    start: Start,
    train: Sequence[Sample],
    validation: Sequence[Sample],
    folder: Path,
) -> Path:
    """Train, or resume from the last checkpoint in the run folder.

    Writes ``logs/``, ``tensorboard/`` and ``checkpoints/`` into the folder.

    Returns:
        The checkpoint with the lowest validation loss; its weights are the moving average.

    Raises:
        InputError: a picture cannot be used.
    """
    # Tips and device reports would only hide the progress bar; warnings stay.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    # Again: the order of pictures must not depend on random numbers of the network.
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    recipe, accelerator = start.recipe, start.arithmetic.accelerator
    shape = _changed_shape(settings, start)
    loaders = (
        training_loader(train, shape, recipe, settings, accelerator),
        validation_loader(validation, settings, accelerator),
    )
    last = _last_checkpoint(folder)
    # Lightning's save_last writes only with a new best, so a resumed run would lose epochs.
    newest = ModelCheckpoint(folder / CHECKPOINTS_NAME, "last", enable_version_counter=False)
    best = ModelCheckpoint(
        folder / CHECKPOINTS_NAME,
        "best",
        monitor="val_loss",
        enable_version_counter=False,
    )
    callbacks: list[Callback] = [best, newest, TQDMProgressBar(10)]
    if recipe.ema_decay is not None:
        callbacks.append(EMAWeightAveraging(decay=recipe.ema_decay))
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices="auto" if accelerator == "cuda" else 1,
        precision=start.arithmetic.precision,
        max_epochs=settings.epochs,
        callbacks=callbacks,
        logger=[
            CSVLogger(folder, name=LOGS_NAME),
            TensorBoardLogger(folder, name="tensorboard", version=""),
        ],
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        # Views have one size, so the fastest convolutions are worth a search.
        benchmark=accelerator == "cuda",
    )
    steps = math.ceil(len(loaders[0]) / trainer.world_size) * settings.epochs
    module = ClassifierModule(
        start.network, recipe, settings.learning_rate, steps, start.teacher, settings.train_size
    )
    with loader_errors():
        trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None)
    return Path(best.best_model_path)


def _changed_shape(settings: TrainSettings, start: Start) -> InputShape:
    """Return the shape of the training's pictures, which a teacher sees if there is one."""
    side = settings.train_size
    if start.teacher is not None:
        side = view_size(start.teacher.input_shape.size, settings.image_size, side)
    return InputShape(side, side, settings.input_views)


def _last_checkpoint(folder: Path) -> Path:
    return folder / CHECKPOINTS_NAME / LAST_CHECKPOINT


def is_first_process() -> bool:
    """Return whether this process writes the run's files; further GPUs have further processes."""
    return bool(getattr(rank_zero_only, "rank", 0) == 0)
