"""Batches in which a photograph and its reconstruction get the same random changes.

Within such a pair only the trace of the decoder differs, so the network cannot rely on content,
light or style.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trustthepixels.infer.images.shape import InputShape

from ..data.manifest import Sample
from .augment import Augmentation, augment
from .load import load_image


def find_pairs(samples: Sequence[Sample]) -> list[tuple[int, int]]:
    """Return indices of photographs and AI pictures that share a group, each in one pair at
    most."""
    groups: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, sample in enumerate(samples):
        groups[sample.group][sample.label].append(index)
    return [
        pair
        for members in groups.values()
        for pair in zip(members["real"], members["ai"], strict=False)
    ]


class PairedPictures(Dataset[tuple[Tensor, Tensor]]):
    """Data set with two pictures in each item: uint8 (2, *shape.axes), and classes, int64 (2,).

    A photograph and its reconstruction get the same changes. Other pictures come in twos in their
    order, each with its own changes. A last single picture is left out.

    Args:
        samples: pictures to load.
        shape: shape of the network's input.
        augmentation: random changes.
    """

    def __init__(
        self, samples: Sequence[Sample], shape: InputShape, augmentation: Augmentation
    ) -> None:
        self._samples = samples
        self._shape = shape
        self._augmentation = augmentation
        pairs = find_pairs(samples)
        paired = {index for pair in pairs for index in pair}
        single = [index for index in range(len(samples)) if index not in paired]
        self._items = [(pair, True) for pair in pairs]
        self._items += [(two, False) for two in zip(single[::2], single[1::2], strict=False)]

    def __len__(self) -> int:
        """Return the number of items, each of two pictures."""
        return len(self._items)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return two pictures; their random changes follow torch's seed of the loading process."""
        members, alike = self._items[index]
        seeds = torch.randint(2**62, (2,)).tolist()
        if alike:
            seeds[1] = seeds[0]
        views = [
            augment(
                load_image(self._samples[member].path),
                self._augmentation,
                self._shape,
                np.random.default_rng(seed),
            )
            for member, seed in zip(members, seeds, strict=True)
        ]
        targets = [self._samples[member].target for member in members]
        return torch.from_numpy(np.stack(views)), torch.tensor(targets)


def flatten_pairs(items: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return a batch of pictures, (2n, *shape.axes) and (2n,), from n items."""
    images, targets = zip(*items, strict=True)
    return torch.cat(images), torch.cat(targets)
