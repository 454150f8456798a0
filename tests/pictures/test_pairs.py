"""A photograph and its reconstruction are seen alike; other pictures are not."""

from pathlib import Path

import numpy as np
import torch
from labelled_pictures import EXAMPLES

from trustthepixels.infer.images.shape import InputShape
from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.fitting.recipes import WEB
from trustthepixels.train.pictures.pairs import PairedPictures, find_pairs, flatten_pairs

PICTURES = sorted((EXAMPLES / "Real").iterdir())


def sample(path: Path, label: str, group: str) -> Sample:
    return Sample(path, f"{label}/{path.name}", label, "somewhere", group)


PHOTOGRAPHS = [sample(path, "real", path.stem) for path in PICTURES]
# As if the autoencoder had lost nothing: then only the random changes could tell the two apart.
RECONSTRUCTIONS = [sample(path, "ai", path.stem) for path in PICTURES[:3]]


def test_pairs_are_a_photograph_and_an_ai_picture_of_one_group():
    samples = [*PHOTOGRAPHS, *RECONSTRUCTIONS]
    pairs = find_pairs(samples)
    assert [(samples[a].label, samples[b].label) for a, b in pairs] == [("real", "ai")] * 3
    assert all(samples[a].group == samples[b].group for a, b in pairs)


def test_every_picture_comes_once_and_an_odd_one_not_at_all():
    samples = [*PHOTOGRAPHS, *RECONSTRUCTIONS]
    dataset = PairedPictures(samples, InputShape(32, 32), WEB.augmentation)
    targets = [
        int(target) for _, both in (dataset[i] for i in range(len(dataset))) for target in both
    ]
    singles = len(PHOTOGRAPHS) - 3
    assert sorted(targets) == [0] * (3 + singles // 2 * 2) + [1] * 3


def test_a_pair_is_changed_alike_and_two_others_are_not():
    torch.manual_seed(0)
    dataset = PairedPictures(
        [*PHOTOGRAPHS[:3], *RECONSTRUCTIONS], InputShape(32, 32), WEB.augmentation
    )
    for index in range(3):
        (photograph, reconstruction), targets = dataset[index]
        assert torch.equal(photograph, reconstruction)
        assert targets.tolist() == [0, 1]
    twice = [PHOTOGRAPHS[0], PHOTOGRAPHS[0]]
    (first, second), _ = PairedPictures(twice, InputShape(32, 32), WEB.augmentation)[0]
    assert not torch.equal(first, second)


def test_a_batch_is_flat():
    dataset = PairedPictures(
        [*PHOTOGRAPHS[:4], *RECONSTRUCTIONS], InputShape(32, 32), WEB.augmentation
    )
    images, targets = flatten_pairs([dataset[0], dataset[1]])
    assert images.shape == (4, 32, 32, 3)
    assert images.dtype == torch.uint8
    np.testing.assert_array_equal(targets, [0, 1, 0, 1])
