"""Fixtures for all tests."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import settings
from scanning import RunCommand
from tiny_model import write_tiny_model

# Whoever starts the tests in the background hands on an ignored SIGINT, and every child keeps it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests' own processes share the cores; PyTorch's threads would wait for each other by spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes is the machine's business.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
EXAMPLE_IMAGES = sorted(path for path in EXAMPLES.glob("*/*") if path.is_file())


LONGEST = (
    "test_train_command",
    "test_scan_command",
    "test_export",
    "test_evaluation_protocol",
    "test_hostile_folder",
    "test_held_out",
    "test_study",
    "test_export_failures",
    "test_prepare_resume",
)
"""Files that take ten seconds or more, in this order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no process has one left when the others are done."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of example pictures, with ``AI/`` and ``Real/``."""
    return EXAMPLES


@pytest.fixture(params=EXAMPLE_IMAGES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    """Each example picture in turn."""
    path: Path = request.param
    return path


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """A sound model file that answers by brightness; see ``tiny_model.py`` for broken ones."""
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture
def run_command(tmp_path: Path) -> RunCommand:
    """Run an installed command (``scan-folder`` or ``trustthepixels``) in an empty folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    scripts = sysconfig.get_path("scripts")
    search = os.pathsep.join([scripts, str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(
        *arguments: str | Path, cwd: Path = folder, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(argument) for argument in arguments],
            cwd=cwd,
            env={**os.environ, "PATH": search, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
