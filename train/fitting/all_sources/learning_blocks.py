"""The later half of a tower's blocks learns, after its last layers were fitted on frozen ones.

Layers that fit already keep the first steps from destroying what the tower knows (Kumar et al.
2022, "Fine-tuning can distort pretrained features"). ``docs/trials.md`` has what they brought.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.images.pixels import PixelArray

from ...arrays import BoolArray, FloatArray, IntArray
from ...calibration.calibrate import margin_of
from ...calibration.logits import answers_of
from ...data.manifest import targets_of
from ...networks.hardware import Arithmetic
from ...networks.network import Classifier
from ...networks.stage_vit import StageViT
from ...networks.weights import read_state, save_state
from ...pictures.augment import Augmentation
from ...settings import TrainSettings
from ..last_layer import source_weights
from ..recipes import Recipe
from .fits import StageTables

Versions = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""All pictures as a scan sees them, (n, 1, height, width, 3), and changed, (n, k, …)."""

_LAYERS_RATE = 5.0
"""Learning rate of the last layers, in those of the blocks."""

_KEPT = 0.25
"""Share of the start in the final weights. Such means do better on new sources (Wortsman et al.
2022, "Robust fine-tuning of zero-shot models")."""

_DROPOUT = 0.3
_LARGEST_GRADIENT = 1.0
_ANSWERED = 64
"""Pictures that the network answers at a time."""


def harder(augmentation: Augmentation) -> Augmentation:
    """Return the changes with grey and framed views in number: blocks can learn to ignore both."""
    return replace(augmentation, grey_probability=0.2, border_probability=0.15)


def require_tower(network: Classifier) -> None:
    """Refuse a network without a tower.

    Raises:
        UsageError: it has no blocks of a transformer.
    """
    if not isinstance(network.backbone, StageViT):
        raise UsageError(
            f"--held-out with --epochs trains the blocks of a tower, which {network.architecture} "
            "does not have; use --epochs 0"
        )


@dataclass(frozen=True, slots=True, eq=False)
class LearningBlocks:
    """Fits whose later blocks learn.

    Attributes:
        tables: features of the frozen tower, for the start.
        versions: the pictures themselves.
        settings: epochs, batch size, learning rate, seed.
        recipe: weight decay, and the share of the steps in which the learning rate rises.
        arithmetic: device and precision.
        folder: folder of the finished fits' weights, which a resumed run takes.
    """

    tables: StageTables
    versions: Versions
    settings: TrainSettings
    recipe: Recipe
    arithmetic: Arithmetic
    folder: Path

    def fit(self, chosen: BoolArray, name: str) -> "NetworkAnswers":
        """Fit on some pictures, or take the weights that a stopped run left.

        Raises:
            InputError: these weights cannot be read.
            OutputError: the weights cannot be written.
        """
        path = self.folder / f"{name}.safetensors"
        network = deepcopy(self.tables.network)
        if not path.exists():
            first = self.tables.fit(chosen, name).state
            network.backbone.load_state_dict(first)
            self._learn(network, np.flatnonzero(chosen), name)
            learned = network.cpu().backbone.state_dict()
            save_state(
                path, {key: torch.lerp(value, first[key], _KEPT) for key, value in learned.items()}
            )
        # As the file has them, so that a resumed run answers the same.
        network.backbone.load_state_dict(read_state(path))
        return NetworkAnswers(network, self.versions, self.arithmetic)

    def _learn(self, network: Classifier, learned: IntArray, name: str) -> None:
        backbone: Any = network.backbone
        settings, device = self.settings, self.arithmetic.accelerator
        means = torch.from_numpy(self.tables.versions[0].mean(axis=0)).to(device)
        steps = math.ceil(settings.epochs * len(learned) / settings.batch_size)
        moving = _moving(backbone)
        network.train().to(device)
        optimiser = torch.optim.AdamW(
            [
                {"params": values, "lr": factor * settings.learning_rate}
                for factor, values in moving
            ],
            weight_decay=self.recipe.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            [group["lr"] for group in optimiser.param_groups],
            total_steps=steps + 1,
            pct_start=self.recipe.warmup_share,
        )
        # Seeded here alone: what ran before must not matter, and what runs after must not notice.
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            for images, wanted in self._batches(learned, steps, name):
                with self.arithmetic.autocast():
                    features = backbone.forward_features(*network.normalised(images.to(device)))
                    # A hidden statistic is at its mean, where it tells nothing.
                    shown = F.dropout(features - means, _DROPOUT) + means
                    logits = backbone.forward_head(shown).float()
                loss = F.cross_entropy(logits, wanted.to(device))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                for _, values in moving:
                    nn.utils.clip_grad_norm_(values, _LARGEST_GRADIENT)
                optimiser.step()
                schedule.step()

    def _batches(self, learned: IntArray, steps: int, name: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield random views, mirrored or not, and the indices of their labels."""
        samples = [self.tables.samples[index] for index in learned]
        chances, targets = source_weights(samples), targets_of(samples)
        chances = chances / chances.sum()
        rng = np.random.default_rng(self.settings.seed)
        count, kinds = self.settings.batch_size, 1 + self.versions[1].shape[1]
        for _ in tqdm(range(steps), f"learning, {name}", unit="batch", disable=None, leave=False):
            drawn = rng.choice(len(learned), count, p=chances)
            views = [
                self._view(learned[one], int(kind))[:, :: 1 - 2 * int(mirrored)]
                for one, kind, mirrored in zip(
                    drawn, rng.integers(kinds, size=count), rng.integers(2, size=count), strict=True
                )
            ]
            yield torch.from_numpy(np.stack(views)), torch.from_numpy(targets[drawn])

    def _view(self, picture: int, kind: int) -> PixelArray:
        unchanged, changed = self.versions
        view: PixelArray = changed[picture, kind - 1] if kind else unchanged[picture, 0]
        return view


@dataclass(frozen=True, slots=True, eq=False)
class NetworkAnswers:
    """A network whose blocks learned; a ``SourceFit``.

    Attributes:
        network: the network.
        versions: the pictures.
        arithmetic: device and precision.
    """

    network: Classifier
    versions: Versions
    arithmetic: Arithmetic

    @property
    def state(self) -> dict[str, Tensor]:
        """The backbone's tensors, by timm's names."""
        return dict(self.network.backbone.state_dict())

    def margins(self, pictures: IntArray, version: int) -> FloatArray:
        """Return the logit of ``ai`` less that of ``real``; arguments as ``SourceFit`` has them."""
        views = self.versions[1][:, version - 1] if version else self.versions[0][:, 0]
        answer = answers_of(self.network, self.arithmetic.accelerator)
        with self.arithmetic.autocast():
            logits = [
                answer(views[pictures[first : first + _ANSWERED]])
                for first in range(0, len(pictures), _ANSWERED)
            ]
        return margin_of(np.concatenate(logits))


def _moving(backbone: StageViT) -> tuple[tuple[float, list[nn.Parameter]], ...]:
    """Return the weights that learn, with their learning rate in that of the blocks."""
    backbone.requires_grad_(False)
    blocks: list[nn.Module] = list(backbone.blocks)
    groups = []
    for factor, parts in (
        (1.0, blocks[len(blocks) // 2 :]),
        (_LAYERS_RATE, [backbone.get_classifier()]),
    ):
        values = [value for part in parts for value in part.requires_grad_().parameters()]
        groups.append((factor, values))
    return tuple(groups)
