"""Distillation: a small network learns the answers of trained ones instead of the labels.

Teacher and student see the same augmented, mixed view, each at its own size, and the student is
trained for many such views: "function matching" (Beyer et al. 2022, "Knowledge distillation: a
good teacher is patient and consistent").
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.images.pixels import PixelArray

from .hardware import Arithmetic
from .weights import load_checkpoint

TEMPERATURE = 2.0
"""Divisor that softens both answers, so the student learns more than the winning class (Hinton et
al. 2015)."""


class Teacher:
    """Trained networks that only answer; not a module, so no checkpoint holds their weights.

    Args:
        paths: ``weights.safetensors`` of training runs, at least one.

    Raises:
        InputError: a file cannot be used, or the networks see pictures at different sizes or in
            different views.
        SpecError: a file has no spec, or a damaged one.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        loaded = [load_checkpoint(path) for path in paths]
        shapes = {spec.input_shape for _, spec in loaded}
        if len(shapes) > 1:
            listed = ", ".join(sorted(str(shape) for shape in shapes))
            raise InputError(f"the teachers see pictures differently: {listed}")
        (self.input_shape,) = shapes
        self._networks = [network.to(memory_format=torch.channels_last) for network, _ in loaded]

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Return the mean answer, float32 (batch, 2), to uint8 (batch, *axes) on any device."""
        answers: list[Tensor] = []
        for network in self._networks:
            if network.scale.device != images.device:
                network.to(images.device)
            answers.append(network(images).float())
        return torch.stack(answers).mean(dim=0)


def view_size(teacher: tuple[int, int], student: int, train_size: int) -> int:
    """Return the side of the teacher's views that shows things as large as the student's view.

    Args:
        teacher: height and width of the teacher's input.
        student: side of the student's input, at validation and inference.
        train_size: side of the student's views.
    """
    return round(train_size * max(teacher) / student)


def shrink(images: Tensor, side: int) -> Tensor:
    """Return the student's view of the teacher's, both uint8 (batch, height, width, 3)."""
    if images.shape[1:3] == (side, side):
        return images
    pixels = images.permute(0, 3, 1, 2).float()
    small = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).byte().permute(0, 2, 3, 1)


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the divergence of the softened answers, scaled to gradients independent of softness.

    Args:
        student: logits of the student, float32 (batch, classes).
        teacher: logits of the teacher, float32 (batch, classes).
    """
    divergence = F.kl_div(
        F.log_softmax(student / TEMPERATURE, dim=1),
        F.log_softmax(teacher / TEMPERATURE, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * TEMPERATURE**2


def softened_answers(
    teacher: Teacher, shown: Iterable[Sequence[PixelArray]], arithmetic: Arithmetic
) -> npt.NDArray[np.float64]:
    """Return a teacher's probabilities of the second label, softened by ``TEMPERATURE``, (n,).

    Args:
        teacher: networks; moved to the device.
        shown: batches of views, uint8 of its size.
        arithmetic: device and precision.
    """
    device = arithmetic.accelerator
    answers = []
    with arithmetic.autocast():
        for views in shown:
            logits = teacher.logits(torch.from_numpy(np.stack(views)).to(device))
            answers.append(torch.softmax(logits / TEMPERATURE, dim=1)[:, 1].double().cpu().numpy())
    return np.concatenate(answers)
