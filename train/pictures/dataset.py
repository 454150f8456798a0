"""Pictures as tensors, for training and for validation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.images.shape import InputShape

from ..data.manifest import Sample
from .augment import Augmentation, augment
from .load import load_image, load_pixels


@contextmanager
def loader_errors() -> Iterator[None]:
    """Raise the error of a loader's process without PyTorch's traceback before it.

    Raises:
        InputError: a picture cannot be used.
    """
    try:
        yield
    except InputError as error:
        raise InputError(str(error).strip().rpartition(f"{InputError.__name__}: ")[2]) from error


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Pixels (uint8, ``shape.axes``) and class index of each sample.

    Args:
        samples: pictures to load.
        shape: shape of the network's input.
        augmentation: random changes; ``None`` for exactly the pixels of inference.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        shape: InputShape,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._samples = samples
        self._shape = shape
        self._augmentation = augmentation

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one picture; its random changes follow torch's seed of the loading process."""
        sample = self._samples[index]
        if self._augmentation is None:
            pixels = load_pixels(sample.path, self._shape)
        else:
            rng = np.random.default_rng(int(torch.randint(2**62, ())))
            pixels = augment(load_image(sample.path), self._augmentation, self._shape, rng)
        return torch.from_numpy(pixels), sample.target
