"""Pictures for scans on a cluster, and their working folder."""

import io
import random
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    # Ray would keep one in the user's home.
    monkeypatch.setenv("RAY_AUTH_TOKEN", 64 * "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture(scope="session")
def contents() -> dict[str, bytes]:
    """Different JPEGs of 96×80 pixels, by name."""
    made = {}
    noise = random.Random(0)
    for number in range(200):
        coarse = Image.frombytes("RGB", (12, 10), noise.randbytes(360))
        file = io.BytesIO()
        coarse.resize((96, 80)).save(file, "JPEG")
        made[f"{number // 50}/{number:03d}.jpg"] = file.getvalue()
    return made


@pytest.fixture
def small_pictures(contents: dict[str, bytes]) -> Path:
    """These files in a folder, relative to the working folder."""
    for name, content in contents.items():
        path = Path("pictures", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Path("pictures")
