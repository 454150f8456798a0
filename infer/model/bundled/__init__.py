"""Models that are installed with the package or in wheels of their own, found by name."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from ...choices import ACCURATE_MODEL, DEFAULT_MODEL, Trust
from ...errors import MissingExtraError, ModelError
from ..file import ModelFile, read_model_file

_OWN_WHEELS: Mapping[str, str] = {ACCURATE_MODEL: "trustthepixels_accurate"}
"""Models that are too large for the base wheel, and the packages that hold them."""

_SUFFIX = ".onnx"


def bundled_models() -> tuple[str, ...]:
    """Return the names of the installed models, sorted."""
    return tuple(sorted(installed_models()))


def load_model(model: str | Path = DEFAULT_MODEL, trust: Trust = Trust.VERIFIED) -> ModelFile:
    """Read and verify a model.

    Args:
        model: a path, or the name of a bundled model, which wins over a file of that name.
        trust: policy for a file whose content does not match its digest.

    Raises:
        MissingExtraError: the model comes in a wheel of its own, which is not installed.
        ModelError: the model does not exist, or ``read_model_file`` refuses it.
    """
    if not isinstance(model, str) or not _is_name(model):
        return read_model_file(Path(model), trust)
    installed = installed_models()
    if model in installed:
        return read_model_file(installed[model], trust)
    if model in _OWN_WHEELS and not Path(model).is_file():
        wheel = _OWN_WHEELS[model].replace("_", "-")
        raise MissingExtraError(f"--model {model}", model, wheel)
    if Path(model).exists():
        return read_model_file(Path(model), trust)
    known = ", ".join(sorted(installed)) or "none in this installation"
    raise ModelError(f"no bundled model '{model}', and no such file; bundled models: {known}")


def installed_models() -> dict[str, Path]:
    """Return the files of the installed models by name."""
    folders = [Path(__file__).parent, *_folders_of_wheels()]
    return {
        path.name.removesuffix(_SUFFIX): path
        for folder in folders
        for path in folder.glob(f"*{_SUFFIX}")
    }


def _folders_of_wheels() -> list[Path]:
    found = [find_spec(package) for package in _OWN_WHEELS.values()]
    return [Path(spec.origin).parent for spec in found if spec is not None and spec.origin]


def _is_name(model: str) -> bool:
    return model == Path(model).name and not model.endswith(_SUFFIX)
