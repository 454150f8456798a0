"""Trained weights on disk: half-precision safetensors with the model's spec inside."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trustthepixels.infer.errors import InputError, OutputError, SpecError
from trustthepixels.infer.model.spec import METADATA_KEY, ModelSpec

from .network import Classifier


def save_weights(path: Path, network: Classifier, spec: ModelSpec) -> None:
    """Write the backbone as float16 under timm's names, and the spec into the file's metadata.

    Raises:
        OutputError: the file cannot be written.
    """
    save_state(path, network.backbone.state_dict(), {METADATA_KEY: spec.to_json()})


def save_state(
    path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors as float16; the file appears whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: _halved(value) for name, value in state.items()}
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata=dict(metadata or {}))
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write the weights {path}: {_first_line(error)}") from error


def load_checkpoint(path: Path) -> tuple[Classifier, ModelSpec]:
    """Read a file of ``save_weights``: the network in float32 and evaluation mode, and its spec.

    Raises:
        InputError: the file cannot be read or its tensors do not fit its architecture.
        SpecError: the file has no spec, or a damaged one.
    """
    if path.suffix == ".ckpt":
        raise SpecError(
            f"{path} is a checkpoint in the middle of training, without calibration; "
            "use the weights.safetensors that 'trustthepixels train' writes at its end"
        )
    state, metadata = read_safetensors(path)
    if METADATA_KEY not in metadata:
        raise SpecError(f"{path} has no trustthepixels specification")
    spec = ModelSpec.from_json(metadata[METADATA_KEY])
    network = Classifier(spec.architecture, (spec.mean, spec.std))
    load_backbone(network, state, path)
    return network.eval(), spec


def load_backbone(network: Classifier, state: Mapping[str, Tensor], origin: Path) -> None:
    """Load a complete state dict of the backbone.

    Raises:
        InputError: names or shapes differ from the architecture's.
    """
    try:
        network.backbone.load_state_dict(dict(state))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{origin} does not fit {network.architecture}: {reason}") from error


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the backbone's tensors from safetensors, a Lightning checkpoint or a state dict.

    Raises:
        InputError: the file has none of these formats.
    """
    if path.suffix == ".safetensors":
        return read_safetensors(path)[0]
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"cannot read the weights {path}: {_first_line(error)}") from error
    state = content.get("state_dict", content)
    prefix = "network.backbone."
    if any(name.startswith(prefix) for name in state):
        return {
            name.removeprefix(prefix): value
            for name, value in state.items()
            if name.startswith(prefix)
        }
    return dict(state)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a safetensors file's tensors and metadata, floating-point tensors as float32.

    Raises:
        InputError: the file cannot be read.
    """
    metadata = read_metadata(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read the weights {path}: {error}") from error
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """Return a safetensors file's metadata, without its tensors.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read the weights {path}: {error}") from error


def _first_line(error: Exception) -> str:
    """Return the first line of an error, without torch's wrong advice on pickles."""
    return str(error).partition("\n")[0] or type(error).__name__


def _halved(tensor: Tensor) -> Tensor:
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
