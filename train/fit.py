"""Run a training with Lightning: data, loggers, checkpoints, resume."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EMAWeightAveraging,
    ModelCheckpoint,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from trustthepixels.infer.cpu import available_cores

from .dataset import PictureDataset
from .hardware import Accelerator, PrecisionName, choose_accelerator, choose_precision
from .initialise import initialise
from .manifest import Sample
from .module import ClassifierModule
from .network import Classifier
from .pairs import PairedPictures, flatten_pairs
from .recipes import Recipe, recipe_by_name
from .settings import Device, Precision, TrainSettings
from .stage_statistics import staged_backbone
from .teacher import Teacher, view_size

LAST_CHECKPOINT = "last.ckpt"
LOGS_NAME = "logs"
"""Folder with one ``version_N/metrics.csv`` for the start and each resumption of a run."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """What a training starts with.

    Attributes:
        recipe: how to train.
        network: with its starting weights, unless there is a checkpoint to go on from.
        teacher: whose answers are learned, if any.
        accelerator: where.
        precision: in which arithmetic.
    """

    recipe: Recipe
    network: Classifier
    teacher: Teacher | None
    accelerator: Accelerator
    precision: PrecisionName


def prepare_fit(
    settings: TrainSettings,
    folder: Path,
    device: Device,
    precision: Precision,
    recipe: Recipe | None = None,
) -> Start:
    """Find, or fail to find, all that a training needs; writes nothing.

    Args:
        settings: of the run.
        folder: of the run, which may hold a checkpoint to go on from.
        device: where to train.
        precision: in which arithmetic.
        recipe: in place of the one that the settings name.

    Raises:
        ProviderError: CUDA was asked for and is not there.
        UsageError: there is no such recipe, or the last layer alone is asked for of a network
            that cannot have it fitted.
        InputError: there is no such architecture, or weights cannot be used.
    """
    accelerator = choose_accelerator(device)
    recipe = recipe or recipe_by_name(settings.recipe)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    network = Classifier(settings.architecture)
    if settings.epochs == 0:
        staged_backbone(network)
    if not _last_checkpoint(folder).exists():
        described = initialise(network, settings.init, settings.average_with)
        _log.info("starting from %s", described)
    teacher = Teacher(Path(settings.teacher)) if settings.teacher else None
    return Start(recipe, network, teacher, accelerator, choose_precision(precision, accelerator))


def fit(
    settings: TrainSettings,
    start: Start,
    train: Sequence[Sample],
    validation: Sequence[Sample],
    folder: Path,
) -> Path:
    """Train, or go on from the last checkpoint in the run folder.

    Writes ``logs/``, ``tensorboard/`` and ``checkpoints/`` into the folder.

    Returns:
        The checkpoint with the lowest validation loss; its weights are the moving average.

    Raises:
        InputError: a picture cannot be used.
    """
    # Tips and device reports would only hide the progress bar; warnings stay.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    recipe, teacher = start.recipe, start.teacher
    side = settings.train_size
    if teacher is not None:
        side = view_size(teacher.input_size, settings.image_size, settings.train_size)
    size = (settings.image_size, settings.image_size)
    loaders = (
        _training_loader(train, side, recipe, settings),
        DataLoader(
            PictureDataset(validation, size),
            batch_size=settings.batch_size,
            num_workers=1,
            pin_memory=torch.cuda.is_available(),
        ),
    )
    last = _last_checkpoint(folder)
    # Lightning's save_last writes only together with a new best, so a resumption would lose epochs.
    newest = ModelCheckpoint(folder / "checkpoints", "last", enable_version_counter=False)
    best = ModelCheckpoint(
        folder / "checkpoints",
        "best",
        monitor="val_loss",
        enable_version_counter=False,
    )
    callbacks: list[Callback] = [best, newest, TQDMProgressBar(10)]
    if recipe.ema_decay is not None:
        callbacks.append(EMAWeightAveraging(decay=recipe.ema_decay))
    trainer = pl.Trainer(
        accelerator=start.accelerator,
        devices="auto" if start.accelerator == "cuda" else 1,
        precision=start.precision,
        max_epochs=settings.epochs,
        callbacks=callbacks,
        logger=[
            CSVLogger(folder, name=LOGS_NAME),
            TensorBoardLogger(folder, name="tensorboard", version=""),
        ],
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    steps = math.ceil(len(loaders[0]) / trainer.world_size) * settings.epochs
    module = ClassifierModule(
        start.network, recipe, settings.learning_rate, steps, teacher, settings.train_size
    )
    trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None)
    return Path(best.best_model_path)


def _last_checkpoint(folder: Path) -> Path:
    return folder / "checkpoints" / LAST_CHECKPOINT


def _training_loader(
    samples: Sequence[Sample], side: int, recipe: Recipe, settings: TrainSettings
) -> DataLoader[tuple[Tensor, Tensor]]:
    dataset: Dataset[Any] = PictureDataset(samples, (side, side), recipe.augmentation)
    collate: Callable[[list[Any]], Any] = default_collate
    batch_size = settings.batch_size
    if recipe.pairs:
        dataset = PairedPictures(samples, (side, side), recipe.augmentation)
        collate, batch_size = flatten_pairs, batch_size // 2
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        drop_last=len(samples) > settings.batch_size,
        collate_fn=collate,
        num_workers=max(1, available_cores() - 1),
        persistent_workers=True,
        pin_memory=torch.cuda.is_available(),
    )
