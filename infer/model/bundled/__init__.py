"""The models that are installed with the package, found by name."""

from dataclasses import replace
from importlib import resources
from pathlib import Path

from ...errors import ModelError
from ..file import ModelFile, Trust, read_model_file

DEFAULT_MODEL = "default"
"""Name of the model that is used unless the user names another."""


_SUFFIX = ".onnx"
_HALF_SUFFIX = ".half.onnx"
"""Of a file with the same model in half precision, which GPUs take."""


def bundled_models() -> tuple[str, ...]:
    """The names of the bundled models, sorted."""
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
        model: the name of a bundled model, which wins over a file of that name, or a path.
        trust: what to do with a file whose content does not match its digest.

    Raises:
        ModelError: there is no such model, or ``read_model_file`` refuses it.
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
    raise ModelError(f"there is no bundled model '{model}' (there is: {known}), and no such file")


def _is_name(model: str) -> bool:
    return model == Path(model).name and not model.endswith(_SUFFIX)
