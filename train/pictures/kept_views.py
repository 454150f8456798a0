"""Training pictures changed once and kept in memory, so that a GPU never waits for decoders.

Every epoch draws one of several changed views of each picture. Their random changes depend on the
seed, the file's name and their number alone, so the same command trains on the same ones.
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
from trustthepixels.infer.system.cores import available_cores
from trustthepixels.infer.system.memory import usable_memory

from ..data.manifest import Sample
from ..networks.hardware import Accelerator
from .augment import Augmentation, augment
from .dataset import loader_errors
from .load import load_image, load_pixels

_MEMORY_SHARE = 0.75
"""Of the computer's memory that views may take; the rest is for the network and the decoders."""

_GPU_SHARE = 0.5
"""Of the free memory of a GPU that views may take; with more they stay in the computer's."""


class KeptViews(Dataset[tuple[Tensor, int]]):
    """Views of pictures in memory; each item is a view at random and the class index.

    On a GPU they move there with the first batch, where there is room.

    Args:
        views: uint8 (pictures, views of each, height, width, 3).
        targets: int64 (pictures,), indices of the labels.
        accelerator: where the network is.
    """

    def __init__(self, views: Tensor, targets: Tensor, accelerator: Accelerator) -> None:
        self._views = views
        self._targets = targets
        self._may_move = accelerator == "cuda"

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One view, uint8 (height, width, 3), and its class index."""
        images, targets = self.__getitems__([index])
        return images[0], int(targets[0])

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A batch at once, as PyTorch's fetcher asks for it; the draws follow torch's seed.

        Returns:
            uint8 (n, height, width, 3) and int64 (n,), where the views are.
        """
        if self._may_move:
            self._move()
        device = self._views.device
        pictures = torch.tensor(indices, device=device)
        chosen = torch.randint(self._views.shape[1], (len(indices),), device=device)
        return self._views[pictures, chosen], self._targets[pictures]

    def _move(self) -> None:
        """To the GPU that Lightning gave this process, known from the first batch on."""
        self._may_move = False
        free, _ = torch.cuda.mem_get_info()
        if self._views.nbytes <= _GPU_SHARE * free:
            self._views, self._targets = self._views.cuda(), self._targets.cuda()


def keep_views(
    samples: Sequence[Sample],
    size: tuple[int, int],
    augmentation: Augmentation | None,
    count: int,
    seed: int,
) -> Tensor:
    """Decode each picture once and change it ``count`` times, with a progress bar on a terminal.

    Whether the memory holds them is for ``require_memory`` to say.

    Args:
        samples: what to load.
        size: height and width of the views.
        augmentation: random changes; ``None`` gives exactly what inference sees.
        count: views of each picture.
        seed: of the changes.

    Returns:
        uint8 (pictures, count, *size, 3).

    Raises:
        InputError: a picture cannot be used.
    """
    views = torch.empty((len(samples), count, *size, 3), dtype=torch.uint8)
    loader = DataLoader(
        _ChangedPictures(samples, size, augmentation, count, seed),
        batch_size=None,
        num_workers=available_cores(),
    )
    title = "decoding pictures" if augmentation is None else "changing pictures"
    bar = tqdm(loader, title, unit="picture", disable=None, leave=False)
    with loader_errors():
        for index, changed in enumerate(bar):
            views[index] = changed
    return views


def require_memory(pixels: int) -> None:
    """Refuse to keep more than the memory holds.

    Args:
        pixels: of all views together.

    Raises:
        UsageError: there are too many.
    """
    needed, room = 3 * pixels, _MEMORY_SHARE * usable_memory()
    if needed > room:
        raise UsageError(
            f"the views take {needed / 1e9:.1f} GB of memory, and there is room for "
            f"{room / 1e9:.1f} GB; give fewer --views, or 0 to keep none"
        )


def as_fetched(batch: Any) -> Any:
    """For ``DataLoader``: ``KeptViews`` makes whole batches already."""
    return batch


class _ChangedPictures(Dataset[Tensor]):
    """All views of one picture an item, uint8 (count, *size, 3)."""

    def __init__(
        self,
        samples: Sequence[Sample],
        size: tuple[int, int],
        augmentation: Augmentation | None,
        count: int,
        seed: int,
    ) -> None:
        self._samples = samples
        self._size = size
        self._augmentation = augmentation
        self._count = count
        self._seed = seed

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Tensor:
        sample = self._samples[index]
        if self._augmentation is None:
            view = torch.from_numpy(load_pixels(sample.path, self._size))
            return view.expand(self._count, *view.shape).clone()
        image = load_image(sample.path)
        changed = [
            augment(image, self._augmentation, self._size, self._generator(sample, number))
            for number in range(self._count)
        ]
        return torch.from_numpy(np.stack(changed))

    def _generator(self, sample: Sample, number: int) -> np.random.Generator:
        name = f"{self._seed}:{number}:{sample.file}".encode()
        return np.random.default_rng(list(hashlib.blake2b(name, digest_size=16).digest()))
