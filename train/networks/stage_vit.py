"""CLIP's image tower with a last layer that sees every block, not the last one alone.

Radford et al. 2021 trained the tower on 400 million pictures with their captions. What it learned
carries over to generators that nobody has seen. Its middle blocks hold more of their traces than
its last one (RINE, Koutlis and Papadopoulos 2024).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import timm
import torch
from timm.data import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from timm.layers import LayerNorm, resample_abs_pos_embed
from timm.models import generate_default_cfgs, register_model
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from .stage_resnet import BOOKKEEPING

_STATISTICS = 3
"""Numbers of each of a block's outputs: class token, mean and deviation of the patches."""

_SMALLEST_VARIANCE = 1e-6
"""Lower bound of a variance, as in ``stage_resnet``."""


class StageViT(VisionTransformer):
    """timm's vision transformer with a last layer on statistics of its blocks.

    Weights have timm's names and shapes, except those of ``fc``; the tower's own last
    normalisation and projection are left out.

    Args:
        seen: indices of the blocks that the last layer sees; those after the last one are left out.
        num_classes: size of the output.
        hidden: units of a hidden layer between the statistics and the output, in sixteens; 0 for no
            such layer. ONNX Runtime's sum of a shorter row depends on where the row lies in memory.
        options: options of timm's ``VisionTransformer``, at least its width and number of heads.
    """

    fc: nn.Module

    def __init__(
        self, seen: tuple[int, ...], num_classes: int, hidden: int = 0, **options: Any
    ) -> None:
        super().__init__(
            depth=max(seen) + 1,
            pre_norm=True,
            norm_layer=partial(LayerNorm, eps=1e-5),
            act_layer="quick_gelu",
            num_classes=0,
            global_pool="",
            final_norm=False,
            **options,
        )
        self.seen = seen
        statistics = _STATISTICS * self.embed_dim * len(seen)
        if hidden:
            last = nn.Linear(hidden, num_classes)
            self.fc = nn.Sequential(nn.Linear(statistics, hidden), nn.ReLU(), last)
        else:
            self.fc = nn.Linear(statistics, num_classes)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.fc

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Return logits, float (batch, classes), of normalised pixels."""
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Return the input of the last layer, float32 (batch, statistics).

        Args:
            x: normalised pixels, (batch, 3, height, width).
        """
        # Any: nn.Module does not declare its parts.
        tower: Any = self
        x = tower.norm_pre(tower._pos_embed(tower.patch_embed(x)))
        found = []
        for index, block in enumerate(tower.blocks):
            x = block(x)
            if index in self.seen:
                found.append(_statistics(x.float()))
        return torch.cat(found, dim=1)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return logits of features, float (batch, classes); the features if ``pre_logits``."""
        layer: Any = self.fc
        logits: Tensor = x if pre_logits else layer(x)
        return logits


def _statistics(tokens: Tensor) -> Tensor:
    """Return class token, mean and deviation of the patches, (batch, 3 * width)."""
    patches = tokens[:, 1:]
    # A product: in ONNX Runtime, a sum over the middle axis depends on the batch size.
    count = patches.shape[1]
    share = torch.full((1, 1, count), 1.0 / count, dtype=patches.dtype, device=patches.device)
    mean = share @ patches
    centred = patches - mean
    variance = (share @ (centred * centred)).flatten(1)
    deviation = (variance + _SMALLEST_VARIANCE).sqrt()
    return torch.cat([tokens[:, 0], mean.flatten(1), deviation], dim=1)


_NORMALISATION = {"mean": OPENAI_CLIP_MEAN, "std": OPENAI_CLIP_STD}

default_cfgs = generate_default_cfgs(
    {
        "clip_vit_b16_stages.openai": _NORMALISATION,
        "clip_vit_b16_early_stages.openai": _NORMALISATION,
        "clip_vit_b16_early_stages_hidden.openai": _NORMALISATION,
    }
)
"""The normalisation of the tower's training; timm looks for it under this name."""


@register_model
def clip_vit_b16_stages(
    pretrained: bool = False, num_classes: int = 1000, **options: Any
) -> nn.Module:
    """Return the whole tower at 224 pixels, with a last layer on every block.

    Args:
        pretrained: start from OpenAI's weights, from timm's hub.
        num_classes: size of the output.
        options: options of timm's ``VisionTransformer``.
    """
    return _tower(tuple(range(12)), 224, pretrained, num_classes, options)


@register_model
def clip_vit_b16_early_stages(
    pretrained: bool = False, num_classes: int = 1000, **options: Any
) -> nn.Module:
    """Return the tower's first six blocks at 160 pixels; arguments as ``clip_vit_b16_stages``.

    They take a fifth of the time. The sixth block alone tells more than any other one.
    """
    return _tower(tuple(range(6)), 160, pretrained, num_classes, options)


_HIDDEN = 64
"""Units of the hidden layer."""


@register_model
def clip_vit_b16_early_stages_hidden(
    pretrained: bool = False, num_classes: int = 1000, **options: Any
) -> nn.Module:
    """Return ``clip_vit_b16_early_stages`` with a hidden layer before the last one; same arguments.

    It tells more than a linear layer, and takes 3 % more time (``docs/trials.md``).
    """
    return _tower(tuple(range(6)), 160, pretrained, num_classes, {"hidden": _HIDDEN, **options})


_PUBLISHED = "vit_base_patch16_clip_quickgelu_224"
"""timm's name of the whole tower."""


def _tower(
    seen: tuple[int, ...],
    side: int,
    pretrained: bool,
    num_classes: int,
    options: Mapping[str, Any],
) -> StageViT:
    own = {key: value for key, value in options.items() if key not in BOOKKEEPING}
    shape = {"img_size": side, "patch_size": 16, "embed_dim": 768, "num_heads": 12}
    network = StageViT(seen, num_classes, **{**shape, **own})
    if pretrained:
        state = timm.create_model(_PUBLISHED, pretrained=True, num_classes=0).state_dict()
        network.load_state_dict(fitted_tower(state, network), strict=False)
    return network


def fitted_tower(state: Mapping[str, Tensor], network: StageViT) -> dict[str, Tensor]:
    """Return a whole tower's state for a network with fewer blocks, or another input size.

    A state that fits already is unchanged.

    Args:
        state: tensors by timm's names.
        network: network that takes the state.
    """
    own = network.state_dict()
    left_out = ("blocks.", "norm.", "head.")
    kept = {
        name: value for name, value in state.items() if name in own or not name.startswith(left_out)
    }
    name = "pos_embed"
    if name in kept and kept[name].shape != own[name].shape:
        grid = list(network.patch_embed.grid_size)
        kept[name] = resample_abs_pos_embed(kept[name].float(), grid, antialias=False)
    return kept
