"""A ResNet34 grown from a ResNet18 computes what the ResNet18 computes, to the last bit."""

import pytest
import timm
import torch
from torch import Tensor, nn

from trustthepixels.infer.errors import InputError
from trustthepixels.train.networks.grow import load_or_grow


def _lived_in_resnet18(classes: int = 10) -> nn.Module:
    """A ResNet18 whose batch norms hold statistics of real use, not their initial values."""
    torch.manual_seed(0)
    network = timm.create_model("resnet18", num_classes=classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


@torch.inference_mode()
def _outputs(network: nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return network.eval()(torch.randn(2, 3, 96, 96, generator=generator))


def test_grown_resnet34_gives_the_same_outputs_exactly():
    small = _lived_in_resnet18()
    large = timm.create_model("resnet34", num_classes=10)
    new_blocks = load_or_grow(large, small.state_dict())
    assert len(new_blocks) == 8
    assert torch.equal(_outputs(large), _outputs(small))


def test_new_blocks_can_learn():
    large = timm.create_model("resnet34", num_classes=10)
    new_blocks = load_or_grow(large, _lived_in_resnet18().state_dict())
    large(torch.randn(2, 3, 64, 64)).square().mean().backward()
    gains = [large.get_submodule(block).bn2.weight.grad for block in new_blocks]
    assert all(gain is not None and gain.abs().max() > 0 for gain in gains)


def test_same_depth_is_loaded_as_it_is():
    small, other = _lived_in_resnet18(), timm.create_model("resnet18", num_classes=10)
    assert load_or_grow(other, small.state_dict()) == []
    assert torch.equal(_outputs(other), _outputs(small))


def test_a_head_for_other_classes_is_replaced():
    network = timm.create_model("resnet34", num_classes=2)
    load_or_grow(network, _lived_in_resnet18(classes=1000).state_dict())
    assert network.fc.weight.shape == (2, 512)


def test_weights_of_a_deeper_network_are_refused():
    with pytest.raises(InputError, match="not in this architecture"):
        load_or_grow(timm.create_model("resnet18"), timm.create_model("resnet34").state_dict())


def test_weights_that_lack_part_of_a_block_are_refused():
    state = _lived_in_resnet18().state_dict()
    del state["layer3.1.conv2.weight"]
    with pytest.raises(InputError, match=r"part of layer3\.1 is missing"):
        load_or_grow(timm.create_model("resnet18", num_classes=10), state)


def test_weights_without_a_whole_stem_are_refused():
    state = {k: v for k, v in _lived_in_resnet18().state_dict().items() if k != "conv1.weight"}
    with pytest.raises(InputError, match="part of conv1 is missing"):
        load_or_grow(timm.create_model("resnet34", num_classes=10), state)
