"""Network of training, evaluation and export: uint8 pixels in, logits out."""

import timm
import torch
from torch import Tensor, nn

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.images.shape import View
from trustthepixels.infer.results import LABELS

from . import architectures as architectures  # adds its networks to timm's registry
from . import stage_resnet as stage_resnet
from . import stage_views as stage_views
from . import stage_vit as stage_vit

Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Mean and standard deviation per channel, for RGB values of 0 to 1."""


class Classifier(nn.Module):
    """A timm backbone with two classes; its input are the arrays of ``images.views``.

    Args:
        architecture: timm's name, ``resnet34`` for the bundled model.
        normalise: mean and std; ``None`` takes those of timm's pretrained weights.

    Attributes:
        views: views of a picture that the backbone takes.

    Raises:
        InputError: timm has no such architecture.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        architecture: str = "resnet34",
        normalise: Normalisation | None = None,
    ) -> None:
        super().__init__()
        if not timm.is_model(architecture):
            raise InputError(f"no architecture '{architecture}'; use one of timm's names")
        self.architecture = architecture
        self.backbone = timm.create_model(architecture, pretrained=False, num_classes=len(LABELS))
        self.views: tuple[View, ...] = getattr(self.backbone, "views", (View.WHOLE,))
        self.mean, self.std = normalise or usual_normalisation(architecture)
        scale, shift = normalisation(self.mean, self.std)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float of shape (batch, 2) in the order of ``LABELS``.

        Args:
            images: uint8 of shape (batch, height, width, 3), RGB; or (batch, views, height, width,
                3) of a backbone with several views.
        """
        logits: Tensor = self.backbone(*self.normalised(images))
        return logits

    def normalised(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the backbone's input, float (batch, 3, height, width) of each view."""
        count = len(self.views)
        views = [images] if count == 1 else [images[:, index] for index in range(count)]
        return tuple(
            view.permute(0, 3, 1, 2).to(self.scale.dtype) * self.scale + self.shift
            for view in views
        )


def usual_normalisation(architecture: str) -> Normalisation:
    """Return mean and std that timm's pretrained weights of an architecture expect."""
    usual = timm.get_pretrained_cfg(architecture) or timm.models.PretrainedCfg()
    (a, b, c), (d, e, f) = usual.mean, usual.std
    return (a, b, c), (d, e, f)


def normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> tuple[Tensor, Tensor]:
    """Return factor and summand of ``(x / 255 - mean) / std``, each of shape (1, 3, 1, 1)."""
    means = torch.tensor(mean, dtype=torch.float64)
    stds = torch.tensor(std, dtype=torch.float64)
    scale = (1.0 / (255.0 * stds)).float().reshape(1, 3, 1, 1)
    shift = (-means / stds).float().reshape(1, 3, 1, 1)
    return scale, shift
