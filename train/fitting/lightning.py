"""Lightning module: loss, metrics, optimiser and schedule."""

from typing import Any

import lightning.pytorch as pl
import torch
from timm.data import Mixup
from timm.optim import create_optimizer_v2
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.results import LABELS

from ..networks.network import Classifier
from ..networks.teacher import Teacher, distillation_loss, shrink
from .recipes import Recipe, Trained

_WARMUP_START = 0.01

_LATE_STAGES = ("layer3", "layer4", "fc")
"""Late stages of a ResNet, by timm's names."""


class ClassifierModule(pl.LightningModule):
    """Fine-tunes a ``Classifier`` with cross entropy, AdamW and a cosine schedule.

    Args:
        network: network to train.
        recipe: smoothing, weight decay and warm-up.
        learning_rate: learning rate at the top of the schedule.
        total_steps: optimiser steps of the whole run.
        teacher: networks whose answers are learned instead of the labels, if any.
        train_size: side of the network's views, if the teacher's are larger.
    """

    def __init__(
        self,
        network: Classifier,
        recipe: Recipe,
        learning_rate: float,
        total_steps: int,
        teacher: Teacher | None = None,
        train_size: int = 0,
    ) -> None:
        super().__init__()
        self._teacher = teacher
        self._train_size = train_size
        self.network = network.to(memory_format=torch.channels_last)
        self._recipe = recipe
        self._frozen = frozen_parts(network, recipe.trained)
        for part in self._frozen:
            part.requires_grad_(False)
        self._learning_rate = learning_rate
        self._total_steps = total_steps
        self._mix = Mixup(  # type: ignore[no-untyped-call]  # timm leaves it untyped
            mixup_alpha=0.0,
            cutmix_alpha=1.0,
            prob=recipe.cutmix_probability,
            label_smoothing=recipe.label_smoothing,
            num_classes=len(LABELS),
        )
        self._accuracy = BinaryAccuracy()
        self._auc = BinaryAUROC()

    def train(self, mode: bool = True) -> "ClassifierModule":
        """Set training mode, except for frozen parts."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the smoothed cross entropy of a batch, or its distance from the teacher's
        answers."""
        images, targets = batch
        # timm mixes each picture with its mirror in the batch, so an odd batch stays as it is.
        if len(images) % 2 == 0:
            # Several views lie below one another, as one tall picture.
            _, targets = self._mix(images.flatten(1, -3).permute(0, 3, 1, 2), targets)
        if self._teacher is None:
            loss = F.cross_entropy(self.network(images).float(), targets)
        else:
            logits = self.network(shrink(images, self._train_size)).float()
            loss = distillation_loss(logits, self._teacher.logits(images))
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log cross entropy, accuracy and AUC on the views of inference."""
        images, targets = batch
        logits = self.network(images).float()
        scores = logits.softmax(dim=1)[:, 1]
        self._accuracy.update(scores, targets)
        self._auc.update(scores, targets)
        self.log("val_loss", F.cross_entropy(logits, targets), prog_bar=True, sync_dist=True)
        self.log("val_accuracy", self._accuracy, prog_bar=True)
        self.log("val_auc", self._auc, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Return AdamW with linear warm-up, then half a cosine down to zero, stepped every
        batch."""
        # timm leaves biases and normalisation layers out of the weight decay.
        optimizer = create_optimizer_v2(
            self.network, "adamw", self._learning_rate, self._recipe.weight_decay
        )
        warmup_steps = max(1, round(self._total_steps * self._recipe.warmup_share))
        warmup = torch.optim.lr_scheduler.LinearLR(optimizer, _WARMUP_START, 1.0, warmup_steps)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, max(1, self._total_steps - warmup_steps)
        )
        schedule = torch.optim.lr_scheduler.SequentialLR(
            optimizer, [warmup, cosine], milestones=[warmup_steps]
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def frozen_parts(network: Classifier, trained: Trained) -> list[nn.Module]:
    """Return the backbone's parts that a training leaves unchanged.

    Raises:
        UsageError: the network's stages do not have a ResNet's names.
    """
    if trained is Trained.ALL:
        return []
    children = dict(network.backbone.named_children())
    if not set(_LATE_STAGES) <= set(children):
        raise UsageError(
            f"{network.architecture} is not a ResNet; use a recipe that trains all of it"
        )
    return [part for name, part in children.items() if name not in _LATE_STAGES]
