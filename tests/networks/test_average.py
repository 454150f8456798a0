"""A training can start halfway between fine-tuned weights and those that they were tuned from."""

import json
from pathlib import Path

import pytest
import timm
import torch
from in_process import trustthepixels
from labelled_pictures import write_labelled_pictures

from trustthepixels.infer.errors import InputError
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.starting_weights import initialise
from trustthepixels.train.networks.weights import read_state


def _saved(path, architecture, seed):
    """Weights of a network whose batch norms hold statistics of real use."""
    torch.manual_seed(seed)
    network = timm.create_model(architecture, num_classes=2)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
            torch.nn.init.normal_(module.running_mean, std=0.2)
    torch.save(network.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    return _saved(tmp_path_factory.mktemp("tuned") / "tuned.pt", "resnet34", seed=1)


@pytest.fixture(scope="module")
def shallower(tmp_path_factory):
    return _saved(tmp_path_factory.mktemp("before") / "before.pt", "resnet18", seed=2)


@pytest.fixture(scope="module")
def halfway(tuned, shallower):
    network = Classifier("resnet34")
    initialise(network, tuned, [shallower])
    return network.backbone.state_dict()


def test_weights_averaged_with_themselves_stay_as_they_are(tuned):
    network = Classifier("resnet34")
    initialise(network, tuned, [tuned, tuned])
    for name, tensor in read_state(Path(tuned)).items():
        assert torch.allclose(network.backbone.state_dict()[name], tensor, rtol=1e-6), name


def test_each_tensor_is_the_mean(halfway, tuned, shallower):
    after, before = read_state(Path(tuned)), read_state(Path(shallower))
    for name in before:
        if not name.startswith("fc.") and after[name].is_floating_point():
            assert torch.allclose(halfway[name], (after[name] + before[name]) / 2), name


def test_the_last_layer_is_that_of_the_first(halfway, tuned):
    assert torch.equal(halfway["fc.weight"], read_state(Path(tuned))["fc.weight"])


def test_a_block_that_the_shallower_network_lacks_counts_by_half(halfway, tuned):
    """That network adds nothing there, so the mean adds half, by the same convolutions."""
    after = read_state(Path(tuned))
    block = "layer1.2."
    assert torch.equal(halfway[block + "conv1.weight"], after[block + "conv1.weight"])
    assert torch.equal(halfway[block + "bn2.running_mean"], after[block + "bn2.running_mean"])
    for name in ("bn2.weight", "bn2.bias"):
        assert torch.allclose(halfway[block + name], after[block + name] / 2)


def test_the_order_changes_nothing_but_the_last_layer(halfway, tuned, shallower):
    network = Classifier("resnet34")
    initialise(network, shallower, [tuned])
    for name, tensor in network.backbone.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(tensor, halfway[name]), name


def test_three_networks_count_a_third_each(tuned, shallower, tmp_path):
    third = _saved(tmp_path / "third.pt", "resnet34", seed=3)
    network = Classifier("resnet34")
    initialise(network, tuned, [shallower, third])
    states = [read_state(Path(path)) for path in (tuned, shallower, third)]
    name = "layer1.0.conv1.weight"
    assert torch.allclose(
        network.backbone.state_dict()[name], sum(state[name] for state in states) / 3
    )


def test_a_slim_network_is_averaged_with_the_channels_that_it_has_kept(shallower, tmp_path):
    """By its own gains the other file would keep others, and the mean would mix them."""
    slim = Classifier("resnet16_slim")
    initialise(slim, shallower)
    torch.save(slim.backbone.state_dict(), tmp_path / "slim.pt")
    other = read_state(Path(shallower))
    other["layer4.0.bn1.weight"] = other["layer4.0.bn1.weight"].flip(0)
    torch.save(other, tmp_path / "other.pt")
    averaged = Classifier("resnet16_slim")
    initialise(averaged, str(tmp_path / "slim.pt"), [str(tmp_path / "other.pt")])
    for name in ("layer4.0.conv1.weight", "layer4.0.conv2.weight", "layer3.0.conv1.weight"):
        found, kept = averaged.backbone.state_dict()[name], slim.backbone.state_dict()[name]
        assert torch.allclose(found, kept, rtol=1e-6), name


def test_weights_of_another_network_are_refused(tuned, tmp_path):
    other = _saved(tmp_path / "other.pt", "mobilenetv3_small_050", seed=0)
    with pytest.raises(InputError, match="which is not in this architecture"):
        initialise(Classifier("resnet34"), tuned, [other])


def test_the_command_averages_before_it_fits_the_last_layer(tuned, shallower, halfway, tmp_path):
    pictures = write_labelled_pictures(tmp_path / "pictures", per_picture=4)
    outcome = trustthepixels(
        *("train", pictures, "--out", tmp_path / "run", "--arch", "resnet34_stages"),
        *("--init", tuned, "--average-with", shallower, "--image-size", "32", "--epochs", "0"),
    )
    assert outcome.returncode == 0, outcome.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert config["average_with"] == [shallower]
    kept = read_state(tmp_path / "run" / "weights.safetensors")
    assert torch.equal(kept["layer4.0.conv1.weight"], halfway["layer4.0.conv1.weight"].half())


def test_absent_weights_are_one_line(tuned, tmp_path):
    outcome = trustthepixels(
        *("train", write_labelled_pictures(tmp_path / "pictures", per_picture=4)),
        *("--out", tmp_path / "run", "--init", tuned, "--average-with", tmp_path / "absent.pt"),
    )
    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
    assert "absent.pt" in outcome.stderr
    assert not (tmp_path / "run").exists()
