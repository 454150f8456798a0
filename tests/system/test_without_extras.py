"""Commands where the extras are not installed: help works, everything else names the extra."""

import os
from pathlib import Path

import pytest
from scanning import search_first

from trustthepixels.infer.commands.main import COMMANDS

TAKEN_AWAY = """
import importlib.metadata as metadata, sys
for name in ("torch", "timm", "lightning", "datasets", "sklearn", "matplotlib", "jinja2",
             "safetensors", "tensorboard", "onnx", "onnxscript", "onnx_ir", "torchvision",
             "onnxruntime", "c2pa"):
    sys.modules[name] = None
real_version, there = metadata.version, ("trustthepixels", "numpy", "pillow", "click")

def version(name):
    if name not in there:
        raise metadata.PackageNotFoundError(name)
    return real_version(name)

metadata.version = version
"""


@pytest.fixture
def bare(run_command, tmp_path: Path):
    """Run ``trustthepixels`` where no extra is installed."""
    (tmp_path / "sitecustomize.py").write_text(TAKEN_AWAY)

    def run(*arguments: str):
        return run_command("trustthepixels", *arguments, PYTHONPATH=search_first(tmp_path))

    return run


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_help_of_every_command_works(bare, name):
    result = bare(name, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: trustthepixels {name} ")
    assert "--help" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("prepare-data", "--out", "x"), "train"),
        (("train", "data", "--out", "x"), "train"),
        (("evaluate", "default", "data"), "train"),
        (("calibrate", "w", "data", "--splits", "s", "--run", "r", "--out", "x"), "train"),
        (("study", "d", "--out", "x", "--splits", "s", "--external", "e", "--init", "i"), "train"),
        (("export", "weights.safetensors", "--out", "x.onnx", "--data", "data"), "export"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_the_work_itself_names_the_extra_in_one_line(bare, arguments, extra):
    result = bare(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: trustthepixels {arguments[0]} needs packages that ")
    assert result.stderr.endswith(f"run: pip install 'trustthepixels[{extra}]'\n")
    assert os.linesep not in result.stderr[:-1]
