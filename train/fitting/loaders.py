"""Loaders of a training: changed pictures for the steps, unchanged ones for validation."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.system.cores import available_cores

from ..data.manifest import Sample, targets_of
from ..networks.hardware import Accelerator
from ..pictures.dataset import PictureDataset
from ..pictures.kept_views import KeptViews, as_fetched, keep_views
from ..pictures.pairs import PairedPictures, flatten_pairs
from ..settings import TrainSettings
from .recipes import Recipe

Loader = DataLoader[tuple[Tensor, int]]
"""Batches of pictures and class indices; the types are those of one item."""


def training_loader(
    samples: Sequence[Sample],
    shape: InputShape,
    recipe: Recipe,
    settings: TrainSettings,
    accelerator: Accelerator,
) -> Loader:
    """Return shuffled batches of changed pictures, uint8 (n, *shape.axes), and class indices, int64
    (n,).

    Args:
        samples: the training split.
        shape: shape of the network's input.
        recipe: recipe with the changes.
        settings: settings of the run.
        accelerator: device of the batches.

    Raises:
        InputError: a picture for the memory cannot be used.
    """
    batch_size = settings.batch_size
    drop_last = len(samples) > batch_size
    if settings.views:
        views = keep_views(samples, shape, recipe.augmentation, settings.views, settings.seed)
        kept = KeptViews(views, torch.from_numpy(targets_of(samples)), accelerator)
        return DataLoader(
            kept, batch_size, shuffle=True, drop_last=drop_last, collate_fn=as_fetched
        )
    dataset: Dataset[Any] = PictureDataset(samples, shape, recipe.augmentation)
    collate: Callable[[list[Any]], Any] = default_collate
    if recipe.pairs:
        dataset = PairedPictures(samples, shape, recipe.augmentation)
        collate, batch_size = flatten_pairs, batch_size // 2
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        drop_last=drop_last,
        collate_fn=collate,
        num_workers=max(1, available_cores() - 1),
        persistent_workers=True,
        pin_memory=torch.cuda.is_available(),
    )


def validation_loader(
    samples: Sequence[Sample], settings: TrainSettings, accelerator: Accelerator
) -> Loader:
    """Return batches of inference's inputs, uint8 (n, *axes), and class indices, int64 (n,).

    They are kept in memory if the training's views are.

    Args:
        samples: the validation split.
        settings: settings of the run; ``input_shape`` is the shape.
        accelerator: device of the batches.

    Raises:
        InputError: a picture for the memory cannot be used.
    """
    shape = settings.input_shape
    if settings.views:
        views = keep_views(samples, shape, None, 1, settings.seed)
        kept = KeptViews(views, torch.from_numpy(targets_of(samples)), accelerator)
        return DataLoader(kept, settings.batch_size, collate_fn=as_fetched)
    return DataLoader(
        PictureDataset(samples, shape),
        batch_size=settings.batch_size,
        num_workers=1,
        pin_memory=torch.cuda.is_available(),
    )
