"""Contestants: commands that score all pictures of a folder and write their answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.infer.system.versions import installed_version

from ..inputs.models import (
    EDGE,
    default_precision,
    float32_model,
    has_edge_model,
    transformers_model,
)
from ..names import CPU, OURS, OURS_EDGE, OURS_FP32, PIPELINE, TIMM, TORCH
from ..processes import command, run, script
from ..settings import Settings
from .agreement import P_AI, SAME_WEIGHTS, from_csv, from_record


@dataclass(frozen=True, slots=True)
class Contestant:
    """A command that is compared with others.

    Attributes:
        name: name in the tables.
        arguments: returns the command for a folder of pictures and the file for its answers.
        answers: reads ``p_ai`` by file name from that file.
        tolerance: largest difference of ``p_ai`` from our float32 model; ``None`` for other models
            and other precisions, whose differences are shown instead.
        settings: its chosen settings, in words.
        environment: further environment variables.
    """

    name: str
    arguments: Callable[[Path, Path], list[str | Path]]
    answers: Callable[[Path], P_AI]
    tolerance: float | None
    settings: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def scanners(settings: Settings) -> list[Contestant]:
    """Return our contestants: default model, edge model if bundled, and the peers' weights."""
    found = [_scanner(settings, OURS_FP32, str(float32_model(settings)), SAME_WEIGHTS)]
    # A bundled model in float32 would equal the first contestant.
    if default_precision() != "fp32":
        found.append(_scanner(settings, OURS, "default", None))
    if has_edge_model():
        found.append(_scanner(settings, OURS_EDGE, EDGE, None))
    return found


def pipeline(settings: Settings, best: tuple[int, int]) -> Contestant:
    """Return Hugging Face's pipeline with its best batch size and number of workers."""
    batch_size, workers = best
    model = transformers_model(settings)

    def arguments(folder: Path, out: Path) -> list[str | Path]:
        options = ["--batch-size", str(batch_size), "--workers", str(workers)]
        options += ["--device", settings.device, "--out", str(out)]
        return [*script("peers.hf_pipeline"), model, folder, *options]

    described = f"batch size {batch_size}, {workers} workers"
    return Contestant(PIPELINE, arguments, _record(settings), SAME_WEIGHTS, described)


def torch_loop(settings: Settings) -> Contestant:
    """Return a PyTorch loop that takes one picture after the other."""

    def arguments(folder: Path, out: Path) -> list[str | Path]:
        options = ["--device", settings.device, "--out", str(out)]
        return [*script("peers.torch_loop"), settings.weights, folder, *options]

    return Contestant(TORCH, arguments, _record(settings), SAME_WEIGHTS)


def timm_loop(settings: Settings, best: tuple[int, int]) -> Contestant:
    """Return a DataLoader and channels-last PyTorch with the best batch size and workers."""
    batch_size, workers = best

    def arguments(folder: Path, out: Path) -> list[str | Path]:
        options = ["--batch-size", str(batch_size), "--workers", str(workers)]
        options += ["--device", settings.device, "--out", str(out)]
        return [*script("peers.timm_loop"), settings.weights, folder, *options]

    described = f"batch size {batch_size}, {workers} workers"
    # On CUDA it computes in another precision, bfloat16.
    tolerance = SAME_WEIGHTS if settings.device == CPU else None
    return Contestant(TIMM, arguments, _record(settings), tolerance, described)


def in_python(settings: Settings, name: str, model: str, tolerance: float | None) -> Contestant:
    """Return the scanner through its Python API, which records the time of each answer."""

    def arguments(folder: Path, out: Path) -> list[str | Path]:
        options = ["--device", settings.device, "--out", str(out)]
        return [*script("peers.ours"), model, folder, *options]

    return Contestant(name, arguments, _record(settings), tolerance)


def best_settings(
    settings: Settings, module: str, model: Path, folder: Path, count: int
) -> tuple[int, int]:
    """Return the batch size and number of workers with which a peer is fastest."""
    options = ["--out", "-", "--sweep", str(count), "--device", settings.device]
    output = run([*script(module), model, folder, *options]).output
    batch_size, workers = output.split()
    return int(batch_size), int(workers)


def has_transformers() -> bool:
    """Return whether transformers is installed."""
    return bool(installed_version("transformers"))


def weights_spec(settings: Settings) -> ModelSpec:
    """Return the specification of the weights that the peers run."""
    from trustthepixels.infer.model.file import read_model_file

    return read_model_file(float32_model(settings)).spec


def _scanner(settings: Settings, name: str, model: str, tolerance: float | None) -> Contestant:
    def arguments(folder: Path, out: Path) -> list[str | Path]:
        options = ["--model", model, "--device", settings.device, "--quiet", "--force"]
        return [command("scan-folder"), folder, "--out", out, *options]

    return Contestant(name, arguments, from_csv, tolerance)


def _record(settings: Settings) -> Callable[[Path], P_AI]:
    calibration = weights_spec(settings).calibration
    return lambda out: from_record(out, calibration)
