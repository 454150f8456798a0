"""The package itself: its version, and the ways to start it."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import trustthepixels

COMMANDS = {
    "module": [sys.executable, "-m", "trustthepixels"],
    "trustthepixels": [str(Path(sys.executable).with_name("trustthepixels"))],
    "scan-folder": [str(Path(sys.executable).with_name("scan-folder"))],
}


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_it_says_its_version():
    assert trustthepixels.__version__ == version("trustthepixels")
    with pytest.raises(AttributeError, match="nonsense"):
        _ = trustthepixels.nonsense


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_the_version(command):
    name = "trustthepixels" if command == "module" else command
    assert output_of(*COMMANDS[command], "--version") == f"{name} {version('trustthepixels')}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_short_help(command):
    shown = output_of(*COMMANDS[command], "-h")
    assert shown == output_of(*COMMANDS[command], "--help")
    assert shown.startswith(f"Usage: {'trustthepixels' if command == 'module' else command} ")


def test_the_module_runs_commands():
    shown = output_of(*COMMANDS["module"], "info", "edge")
    assert shown == output_of(*COMMANDS["trustthepixels"], "info", "edge")
