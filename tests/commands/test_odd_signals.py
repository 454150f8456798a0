"""Signals that end other programs, or their system calls, and must not change a row."""

import os
from pathlib import Path

import pytest
from image_files import FILES
from scanning import SCAN_FOLDER, parse, run, search_first

RAIN = """
import atexit, signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
# At its end, the interpreter puts the deadly default back.
atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
"""
"""As ``sitecustomize``, in the scan and in its workers: system calls are interrupted (EINTR)."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file of each format, and many that are no images."""
    (tmp_path / "photos").mkdir()
    for name, data in FILES.items():
        (tmp_path / "photos" / f"{name}.jpg").write_bytes(data)
    for number in range(60):
        (tmp_path / "photos" / f"none-{number:02}.jpg").write_bytes(b"no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_system_calls_that_are_interrupted_are_made_again(here, tiny_model):
    (here / "rain").mkdir()
    (here / "rain" / "sitecustomize.py").write_text(RAIN)
    arguments = ("photos", "--model", tiny_model, "--quiet", "--out")
    code, expected, _ = run(*arguments, "-")
    environment = {**os.environ, "PYTHONPATH": search_first(here / "rain")}
    assert run(*arguments, "-", env=environment) == (code, expected, "")
    assert run(*arguments, "rows.csv", env=environment) == (code, b"", "")
    assert Path("rows.csv").read_bytes() == expected


def test_a_limit_on_file_sizes_is_an_error_of_the_output_and_no_death(here, tiny_model):
    """The shell counts in KiB; beyond it a write raises SIGXFSZ, which ends a process."""
    arguments = ("photos", "--model", tiny_model, "--out", "rows.csv")
    limited = ["bash", "-c", 'ulimit -f 3; exec "$@"', "bash", *SCAN_FOLDER]
    code, _, errors = run(*arguments, "--quiet", command=limited)
    assert (code, errors) == (2, "error: cannot write to rows.csv: File too large\n")
    assert 0 < len(parse(Path("rows.csv").read_bytes())) < len(FILES) + 60
    assert run(*arguments, "--quiet", "--resume")[0] == 1
    assert len(parse(Path("rows.csv").read_bytes())) == len(FILES) + 60
