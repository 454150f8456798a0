"""The network as training, evaluation and export see it: uint8 pixels in, logits out."""

import timm
import torch
from torch import Tensor, nn

from trustthepixels.infer.spec import IMAGENET_MEAN, IMAGENET_STD, LABELS


class Classifier(nn.Module):
    """A timm backbone with two classes, fed with the arrays of ``infer.preprocess``.

    Args:
        architecture: timm's name, ``resnet34`` for the bundled model.
        mean: per channel, for RGB values of 0 to 1.
        std: likewise.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        architecture: str = "resnet34",
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone = timm.create_model(architecture, pretrained=False, num_classes=len(LABELS))
        scale, shift = normalisation(mean, std)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float of shape (batch, 2) in the order of ``LABELS``.

        Args:
            images: uint8 of shape (batch, height, width, 3), RGB.
        """
        pixels = images.permute(0, 3, 1, 2).to(self.scale.dtype)
        logits: Tensor = self.backbone(pixels * self.scale + self.shift)
        return logits


def normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> tuple[Tensor, Tensor]:
    """``(x / 255 - mean) / std`` as one multiply and one add, each of shape (1, 3, 1, 1)."""
    means = torch.tensor(mean, dtype=torch.float64)
    stds = torch.tensor(std, dtype=torch.float64)
    scale = (1.0 / (255.0 * stds)).float().reshape(1, 3, 1, 1)
    shift = (-means / stds).float().reshape(1, 3, 1, 1)
    return scale, shift
