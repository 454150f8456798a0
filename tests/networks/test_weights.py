"""Trained weights travel as one half-precision file with the spec inside."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from trustthepixels.infer.errors import InputError, SpecError
from trustthepixels.infer.model.spec import METADATA_KEY, Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.weights import load_checkpoint, read_state, save_weights

SPEC = ModelSpec(
    "test",
    "resnet10t",
    Calibration(1.3, -0.2),
    Thresholds((OperatingPoint(0.01, 0.9),), 0.01, 0.2),
)


def _pictures() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def test_loading_gives_back_the_spec_and_the_rounded_network(tmp_path):
    network = Classifier("resnet10t").eval()
    save_weights(tmp_path / "w.safetensors", network, SPEC)
    loaded, spec = load_checkpoint(tmp_path / "w.safetensors")
    assert spec == SPEC
    network.backbone.half().float()
    assert torch.equal(loaded(_pictures()), network(_pictures()))


def test_nothing_but_the_file_is_left_behind(tmp_path):
    save_weights(tmp_path / "w.safetensors", Classifier("resnet10t"), SPEC)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_file_without_spec_is_refused(tmp_path):
    state = timm.create_model("resnet10t", num_classes=2).state_dict()
    save_file(state, tmp_path / "bare.safetensors")
    with pytest.raises(SpecError, match="has no trustthepixels specification"):
        load_checkpoint(tmp_path / "bare.safetensors")


def test_weights_of_another_architecture_are_refused(tmp_path):
    state = timm.create_model("resnet18", num_classes=2).state_dict()
    save_file(state, tmp_path / "w.safetensors", metadata={METADATA_KEY: SPEC.to_json()})
    with pytest.raises(InputError, match="does not fit resnet10t"):
        load_checkpoint(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.ckpt"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(100)])
def test_a_damaged_file_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot read the weights") as caught:
        read_state(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_an_unfinished_checkpoint_says_what_to_use(tmp_path):
    with pytest.raises(SpecError, match=r"weights\.safetensors"):
        load_checkpoint(tmp_path / "best.ckpt")
