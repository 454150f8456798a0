"""Pictures as tensors, for training and for validation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from trustthepixels.infer.errors import ImageError, InputError
from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.preprocess import INPUT_SIZE, PixelArray, resize

from .augment import augment
from .data.manifest import Sample
from .recipes import Augmentation


def load_image(path: Path) -> Image.Image:
    """Decode one training picture to upright 8-bit RGB.

    Raises:
        InputError: the file cannot be read or decoded; training data must be sound.
    """
    try:
        return decode(path.read_bytes()).image
    except (OSError, ImageError) as error:
        raise InputError(f"cannot use {path}: {error}") from error


def load_pixels(path: Path, size: tuple[int, int] = INPUT_SIZE) -> PixelArray:
    """What the network sees of a picture outside training, uint8 of shape (*size, 3)."""
    return resize(load_image(path), size)


@contextmanager
def loader_errors() -> Iterator[None]:
    """What a loader's process raises, without the traceback that PyTorch puts before it.

    Raises:
        InputError: a picture cannot be used.
    """
    try:
        yield
    except InputError as error:
        raise InputError(str(error).strip().rpartition(f"{InputError.__name__}: ")[2]) from error


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Pixels (uint8, (*size, 3)) and class index of each sample.

    Args:
        samples: what to load.
        size: height and width of the pixels.
        augmentation: random changes; ``None`` gives exactly what inference sees.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        size: tuple[int, int],
        augmentation: Augmentation | None = None,
    ) -> None:
        self._samples = samples
        self._size = size
        self._augmentation = augmentation

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One picture; its random changes follow torch's seed of the loading process."""
        sample = self._samples[index]
        if self._augmentation is None:
            pixels = load_pixels(sample.path, self._size)
        else:
            rng = np.random.default_rng(int(torch.randint(2**62, ())))
            pixels = augment(load_image(sample.path), self._augmentation, self._size, rng)
        return torch.from_numpy(pixels), sample.target
