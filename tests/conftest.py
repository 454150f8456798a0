"""What every test may ask for."""

import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_model import write_tiny_model

# Whoever starts the tests in the background hands on an ignored SIGINT, and every child keeps it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
EXAMPLE_IMAGES = sorted(path for path in EXAMPLES.glob("*/*") if path.is_file())


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


RunCommand = Callable[..., subprocess.CompletedProcess[str]]


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
            timeout=120,
            check=False,
        )

    return run
