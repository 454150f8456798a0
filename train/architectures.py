"""Networks that timm does not have, added to its registry under names of ours."""

from typing import Any

import timm
from timm.models import register_model
from torch import nn

EDGE_ARCHITECTURE = "resnet14_3stage"
"""What the edge model is."""


@register_model
def resnet14_3stage(pretrained: bool = False, num_classes: int = 1000, **options: Any) -> nn.Module:
    """ResNet18 without its last stage: 2.8 million weights in place of 11.2 million.

    Traces of generators are fine texture, which the early stages see; the last one holds most of
    the weights and knows objects. Shapes and names are those of timm's ResNet18.

    Args:
        pretrained: start from timm's ImageNet weights, without the last stage.
        num_classes: size of the output.
        options: as timm's ``resnet18`` takes them.
    """
    network: Any = timm.create_model("resnet18", pretrained=pretrained, **options)
    network.layer4 = nn.Identity()
    network.num_features = network.head_hidden_size = network.layer3[-1].bn2.num_features
    network.reset_classifier(num_classes)
    module: nn.Module = network
    return module
