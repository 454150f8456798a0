"""Models that are installed with the package, found by name."""

from dataclasses import replace
from importlib import resources
from pathlib import Path

from ...errors import ModelError
from ..file import ModelFile, Trust, read_model_file

DEFAULT_MODEL = "default"
"""Name of the model that is used if the user names no other."""


_SUFFIX = ".onnx"
_HALF_SUFFIX = ".half.onnx"
"""Suffix of the file with the same model in half precision, for GPUs."""


def bundled_models() -> tuple[str, ...]:
    """Return the names of the bundled models, sorted."""
    names = [entry.name for entry in resources.files(__name__).iterdir()]
    return tuple(
        sorted(
            name.removesuffix(_SUFFIX)
            for name in names
            if name.endswith(_SUFFIX) and not name.endswith(_HALF_SUFFIX)
        )
    )


def load_model(model: str | Path = DEFAULT_MODEL, trust: Trust = Trust.VERIFIED) -> ModelFile:
    """Read and verify a model.

    Args:
        model: a path, or the name of a bundled model, which wins over a file of that name.
        trust: policy for a file whose content does not match its digest.

    Raises:
        ModelError: the model does not exist, or ``read_model_file`` refuses it.
    """
    if not isinstance(model, str) or not _is_name(model):
        return read_model_file(Path(model), trust)
    if model in bundled_models():
        with resources.as_file(resources.files(__name__) / f"{model}{_SUFFIX}") as path:
            half = path.with_name(f"{model}{_HALF_SUFFIX}")
            return replace(read_model_file(path, trust), half=half if half.is_file() else None)
    if Path(model).exists():
        return read_model_file(Path(model), trust)
    known = ", ".join(bundled_models()) or "none in this installation"
    raise ModelError(f"no bundled model '{model}', and no such file; bundled models: {known}")


def _is_name(model: str) -> bool:
    return model == Path(model).name and not model.endswith(_SUFFIX)
