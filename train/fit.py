"""Run a training with Lightning: data, loggers, checkpoints, resume."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from trustthepixels.infer.cpu import available_cores
from trustthepixels.infer.errors import ProviderError

from .dataset import PictureDataset
from .initialise import initialise
from .manifest import Sample
from .module import ClassifierModule
from .network import Classifier
from .recipes import recipe_by_name
from .settings import Device, Precision, TrainSettings
from .teacher import Teacher, view_size

LAST_CHECKPOINT = "last.ckpt"
LOGS_NAME = "logs"
"""Folder with one ``version_N/metrics.csv`` for the start and each resumption of a run."""

_PrecisionName = Literal["32-true", "bf16-mixed"]
_log = logging.getLogger(__name__)


def fit(
    settings: TrainSettings,
    train: Sequence[Sample],
    validation: Sequence[Sample],
    folder: Path,
    device: Device,
    precision: Precision,
) -> Path:
    """Train, or go on from the last checkpoint in the run folder.

    Writes ``logs/``, ``tensorboard/`` and ``checkpoints/`` into the folder.

    Returns:
        The checkpoint with the lowest validation loss; its weights are the moving average.

    Raises:
        ProviderError: CUDA was asked for and is not there.
        InputError: the starting weights or a picture cannot be used.
    """
    # Tips and device reports would only hide the progress bar; warnings stay.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    accelerator = choose_accelerator(device)
    recipe = recipe_by_name(settings.recipe)
    teacher = Teacher(Path(settings.teacher)) if settings.teacher else None
    side = settings.train_size
    if teacher is not None:
        side = view_size(teacher.input_size, settings.image_size, settings.train_size)
    size = (settings.image_size, settings.image_size)
    loaders = (
        _loader(PictureDataset(train, (side, side), recipe.augmentation), settings, shuffle=True),
        _loader(PictureDataset(validation, size), settings, shuffle=False),
    )
    network = Classifier(settings.architecture)
    last = folder / "checkpoints" / LAST_CHECKPOINT
    if not last.exists():
        _log.info("starting from %s", initialise(network, settings.init))
    # Lightning's save_last writes only together with a new best, so a resumption would lose epochs.
    newest = ModelCheckpoint(folder / "checkpoints", "last", enable_version_counter=False)
    best = ModelCheckpoint(
        folder / "checkpoints",
        "best",
        monitor="val_loss",
        enable_version_counter=False,
    )
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices="auto" if accelerator == "cuda" else 1,
        precision=choose_precision(precision, accelerator),
        max_epochs=settings.epochs,
        callbacks=[best, newest, EMAWeightAveraging(decay=recipe.ema_decay), TQDMProgressBar(10)],
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
        network, recipe, settings.learning_rate, steps, teacher, settings.train_size
    )
    trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None)
    return Path(best.best_model_path)


def choose_accelerator(device: Device) -> Literal["cuda", "cpu"]:
    """Lightning's name for the device.

    Raises:
        ProviderError: CUDA was asked for and is not there.
    """
    if torch.cuda.is_available() and device is not Device.CPU:
        return "cuda"
    if device is Device.CUDA:
        raise ProviderError(
            "no CUDA device is usable by PyTorch; use --device cpu to train on the CPU"
        )
    return "cpu"


def choose_precision(precision: Precision, accelerator: str) -> _PrecisionName:
    """Lightning's name for the arithmetic; ``auto`` is bf16 where the hardware has it."""
    if precision is Precision.AUTO:
        native = (
            torch.cuda.is_bf16_supported()
            if accelerator == "cuda"
            else torch.cpu._is_avx512_bf16_supported()
        )
        precision = Precision.BF16 if native else Precision.FP32
    return "bf16-mixed" if precision is Precision.BF16 else "32-true"


def _loader(
    dataset: PictureDataset, settings: TrainSettings, *, shuffle: bool
) -> DataLoader[tuple[Tensor, Tensor]]:
    workers = max(1, available_cores() - 1) if shuffle else 1
    return DataLoader(
        dataset,  # type: ignore[arg-type]  # collation turns the class index into a tensor
        batch_size=settings.batch_size,
        shuffle=shuffle,
        drop_last=shuffle and len(dataset) > settings.batch_size,
        num_workers=workers,
        persistent_workers=shuffle,
        pin_memory=torch.cuda.is_available(),
    )
