"""Distillation: a small network learns what a trained one answers, instead of the labels.

Teacher and student see the same augmented, mixed view, each at its own size, and the student is
trained for many such views: "function matching" (Beyer et al. 2022, "Knowledge distillation: a
good teacher is patient and consistent").
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from .network import Classifier
from .weights import load_checkpoint

TEMPERATURE = 2.0
"""Softens both answers, so that more than the winning class is learned (Hinton et al. 2015)."""


class Teacher:
    """A trained network that only answers; no module, so that no checkpoint holds its weights.

    Args:
        path: ``weights.safetensors`` of a training run.

    Raises:
        InputError: the file cannot be used.
        SpecError: it carries no spec, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        network, spec = load_checkpoint(path)
        self.input_size = spec.input_size
        self._network: Classifier = network.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Answers, float32 (batch, 2), for uint8 images (batch, height, width, 3) on any device."""
        if self._network.scale.device != images.device:
            self._network.to(images.device)
        answer: Tensor = self._network(images)
        return answer.float()


def view_size(teacher: tuple[int, int], student: int, train_size: int) -> int:
    """Side of the views that show the teacher things as large as the student's show the student.

    Args:
        teacher: height and width of the teacher's input.
        student: side of the student's input, at validation and inference.
        train_size: side of the student's views.
    """
    return round(train_size * max(teacher) / student)


def shrink(images: Tensor, side: int) -> Tensor:
    """The student's view of the teacher's, both uint8 (batch, height, width, 3)."""
    if images.shape[1:3] == (side, side):
        return images
    pixels = images.permute(0, 3, 1, 2).float()
    small = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).byte().permute(0, 2, 3, 1)


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Divergence of the softened answers, scaled so that its gradients do not depend on softness.

    Args:
        student: logits, float32 (batch, classes).
        teacher: likewise.
    """
    divergence = F.kl_div(
        F.log_softmax(student / TEMPERATURE, dim=1),
        F.log_softmax(teacher / TEMPERATURE, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * TEMPERATURE**2
