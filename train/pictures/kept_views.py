"""Training pictures changed once and kept in memory, so a GPU never waits for decoders.

Every epoch draws one of several changed views of each picture. Their random changes depend only on
the seed, the file's name and the view's number, so equal commands train on equal views.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.system.cores import available_cores
from trustthepixels.infer.system.memory import usable_memory

from ..data.manifest import Sample
from ..networks.hardware import Accelerator
from .augment import Augmentation, augment
from .dataset import loader_errors
from .load import load_image, load_pixels

_MEMORY_SHARE = 0.75
"""Share of the computer's memory for views; the rest is for the network and the decoders."""

_GPU_SHARE = 0.5
"""Share of a GPU's free memory for views; larger ones stay in the computer's memory."""


class KeptViews(Dataset[tuple[Tensor, int]]):
    """Views of pictures in memory; each item is a random view and the class index.

    With the first batch they move to the GPU, if they fit.

    Args:
        views: uint8 (pictures, changed versions of each, *axes of the input).
        targets: int64 (pictures,), indices of the labels.
        accelerator: device of the network.
    """

    def __init__(self, views: Tensor, targets: Tensor, accelerator: Accelerator) -> None:
        self._views = views
        self._targets = targets
        self._may_move = accelerator == "cuda"

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one version and its class index."""
        images, targets = self.__getitems__([index])
        return images[0], int(targets[0])

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return a whole batch, for PyTorch's fetcher; the draws follow torch's seed.

        Returns:
            uint8 (n, *axes of the input) and int64 (n,), where the views are.
        """
        if self._may_move:
            self._move()
        device = self._views.device
        pictures = torch.tensor(indices, device=device)
        chosen = torch.randint(self._views.shape[1], (len(indices),), device=device)
        return self._views[pictures, chosen], self._targets[pictures]

    def _move(self) -> None:
        """Move the views to the GPU of this process, which the first batch reveals."""
        self._may_move = False
        free, _ = torch.cuda.mem_get_info()
        if self._views.nbytes <= _GPU_SHARE * free:
            self._views, self._targets = self._views.cuda(), self._targets.cuda()


def keep_views(
    samples: Sequence[Sample],
    shape: InputShape,
    augmentation: Augmentation | None,
    count: int,
    seed: int,
) -> Tensor:
    """Decode each picture once and change it ``count`` times, with a progress bar on a terminal.

    ``require_memory`` checks beforehand whether the memory suffices.

    Args:
        samples: pictures to load.
        shape: shape of the network's input.
        augmentation: random changes; ``None`` for exactly the pixels of inference.
        count: number of views of each picture.
        seed: seed of the changes.

    Returns:
        uint8 (pictures, count, *shape.axes).

    Raises:
        InputError: a picture cannot be used.
    """
    views = torch.empty((len(samples), count, *shape.axes), dtype=torch.uint8)
    fill_views(views, samples, shape, augmentation, seed)
    return views


def fill_views(
    views: Tensor,
    samples: Sequence[Sample],
    shape: InputShape,
    augmentation: Augmentation | None,
    seed: int,
) -> None:
    """Write the views of ``keep_views`` into a tensor, uint8 (pictures, count, *shape.axes).

    Raises:
        InputError: a picture cannot be used.
    """
    loader = DataLoader(
        _ChangedPictures(samples, shape, augmentation, views.shape[1], seed),
        batch_size=None,
        num_workers=available_cores(),
    )
    title = "decoding pictures" if augmentation is None else "changing pictures"
    bar = tqdm(loader, title, unit="picture", disable=None, leave=False)
    with loader_errors():
        for index, changed in enumerate(bar):
            views[index] = changed


def require_memory(needed: int) -> None:
    """Refuse more views than fit into memory.

    Args:
        needed: bytes of all views together.

    Raises:
        UsageError: the views are too many.
    """
    room = _MEMORY_SHARE * usable_memory()
    if needed > room:
        raise UsageError(
            f"the views take {needed / 1e9:.1f} GB of memory, but there is room for "
            f"{room / 1e9:.1f} GB; use fewer --views, or 0 to keep none"
        )


def as_fetched(batch: Any) -> Any:
    """Return a batch unchanged, for ``DataLoader``: ``KeptViews`` makes whole batches."""
    return batch


class _ChangedPictures(Dataset[Tensor]):
    """Data set whose items are all views of one picture, uint8 (count, *shape.axes)."""

    def __init__(
        self,
        samples: Sequence[Sample],
        shape: InputShape,
        augmentation: Augmentation | None,
        count: int,
        seed: int,
    ) -> None:
        self._samples = samples
        self._shape = shape
        self._augmentation = augmentation
        self._count = count
        self._seed = seed

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Tensor:
        sample = self._samples[index]
        if self._augmentation is None:
            view = torch.from_numpy(load_pixels(sample.path, self._shape))
            return view.expand(self._count, *view.shape).clone()
        image = load_image(sample.path)
        changed = [
            augment(image, self._augmentation, self._shape, self._generator(sample, number))
            for number in range(self._count)
        ]
        return torch.from_numpy(np.stack(changed))

    def _generator(self, sample: Sample, number: int) -> np.random.Generator:
        name = f"{self._seed}:{number}:{sample.file}".encode()
        return np.random.default_rng(list(hashlib.blake2b(name, digest_size=16).digest()))
