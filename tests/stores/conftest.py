"""Credentials and stores for tests of stores."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_credentials import CREDENTIALS

from benchmarks.inputs.object_server import Faults, Objects, Server, served


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of the test, and a working folder."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pictures(examples: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((examples / "Real").iterdir())}


@pytest.fixture
def store(pictures: dict[str, bytes]) -> Iterator[tuple[Objects, Faults, Server]]:
    objects = Objects(dict(pictures))
    faults = Faults(objects.answer)
    with served(faults) as server:
        yield objects, faults, server
