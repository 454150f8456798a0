"""``scan-folder --resume``: an interrupted scan goes on, with the rows of an uninterrupted one."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from scanning import killer, rows_of, run, search_first, start
from tiny_model import Graph, write_tiny_model

PICTURES = ("AI/portrait-f17.jpg", "AI/portrait-f3.jpg", "Real/astronaut.jpg", "Real/chelsea.jpg")


def rows_written() -> int:
    """Return the number of rows that a running scan has written; a file just begun is empty."""
    path = Path("rows.csv")
    lines = path.read_bytes().count(b"\r\n") if path.exists() else 0
    return max(0, lines - 1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user stands beside a folder of pictures, one of them damaged."""
    folder = tmp_path / "here"
    (folder / "photos").mkdir(parents=True)
    for name in PICTURES:
        shutil.copy(examples / name, folder / "photos")
    (folder / "photos" / "bad.jpg").write_text("no picture")
    monkeypatch.chdir(folder)
    return folder


def scan(model: Path, *options: str | Path) -> tuple[int, str]:
    """The exit code and standard error of a scan of all pictures into ``rows.csv``."""
    code, output, errors = run("photos", "--out", "rows.csv", "--model", model, *options)
    assert output == b""
    return code, errors


def interrupted_scan(model: Path, *options: str | Path, rows: int = 2) -> bytes:
    """Scan until some rows are written, then kill; returns what an uninterrupted scan writes."""
    assert scan(model, *options)[0] == 1
    whole = Path("rows.csv").read_bytes()
    Path("rows.csv").unlink()
    with start(
        *("photos", "--out", "rows.csv", "--model", model, *options),
        env={**os.environ, "PYTHONPATH": search_first(killer(rows))},
    ) as process:
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert whole.startswith(Path("rows.csv").read_bytes())
    return whole


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


class TestResume:
    def test_a_killed_scan_goes_on_and_says_so(self, model):
        whole = interrupted_scan(model)
        assert names() == ["photos", "rows.csv", "rows.csv.resume"]
        code, errors = scan(model, "--resume")
        assert code == 1
        assert "5 files (2 done before): " in errors
        assert "1 failed" in errors
        assert Path("rows.csv").read_bytes() == whole
        assert names() == ["photos", "rows.csv"]

    def test_a_killed_replacement_goes_on(self, model):
        Path("old.csv").write_text("precious")
        whole = interrupted_scan(model, rows=3)
        Path("rows.csv").rename("rows.csv.partial")
        Path("rows.csv.resume").rename("rows.csv.partial.resume")
        Path("old.csv").rename("rows.csv")
        assert scan(model, "--resume")[0] == 1
        assert Path("rows.csv").read_bytes() == whole
        assert names() == ["photos", "rows.csv"]

    def test_pictures_that_came_and_went_since(self, model):
        interrupted_scan(model, rows=3)
        shutil.copy("photos/chelsea.jpg", "photos/a-new-one.jpg")
        Path("photos/astronaut.jpg").unlink()
        assert scan(model, "--resume")[0] == 1
        assert [row["path"] for row in rows_of()] == [
            *("photos/astronaut.jpg", "photos/bad.jpg", "photos/chelsea.jpg"),
            *("photos/a-new-one.jpg", "photos/portrait-f17.jpg", "photos/portrait-f3.jpg"),
        ]

    def test_an_interruption_says_how_to_go_on(self, model):
        with start(
            *("photos", "--files-from", "-", "--out", "rows.csv", "--model", model),
            stdin=subprocess.PIPE,
        ) as process:
            while rows_written() < 5:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert errors.decode().endswith("the rows are in rows.csv; go on with --resume\n")
        code, _, _ = run(
            *("photos", "--files-from", "-", "--out", "rows.csv", "--model", model, "--resume"),
            input=b"photos\nmissing\n",
        )
        assert code == 1
        assert [row["path"] for row in rows_of()][-1] == "missing"
        assert len(rows_of()) == 6


CHANGED = (
    (["--fpr", "0.05"], "thresholds: "),
    (["--no-unsure"], "thresholds: "),
    (["--max-pixels", "1000"], "limits: max_pixels was 178956970 and is 1000"),
    (["--decode", "full"], 'limits: decode_size was "scaled" and is "full"'),
    (["--include", "*.jpg"], "--include was"),
    (["--exclude", "x"], "--exclude was"),
    (["--follow-links"], "--follow-links was"),
    (["photos/bad.jpg"], "paths was"),
    (["--files-from", "/dev/null"], "a list of files was false and is true"),
    (["--model", "other.onnx"], 'model was "tiny (sha256 '),
    (["--model", "renamed.onnx"], 'model was "tiny (sha256 '),
    (["--format", "jsonl"], "does not hold rows"),
    (["--force"], "--force and --resume exclude each other"),
)
"""Options that change rows, and what is said of each."""


def test_options_that_change_rows_are_refused_and_others_are_free(model):
    write_tiny_model(Path("other.onnx"), Graph(gain=5.0))
    write_tiny_model(Path("renamed.onnx"), evaluation={"balanced_accuracy": 0.6})
    whole = interrupted_scan(model)
    before = Path("rows.csv").read_bytes(), Path("rows.csv.resume").read_bytes()
    for options, what in CHANGED:
        code, errors = scan(model, "--resume", *options)
        assert (code, what in errors.splitlines()[-1]) == (2, True), errors
        assert before == (Path("rows.csv").read_bytes(), Path("rows.csv.resume").read_bytes())
    shutil.copytree("photos", "elsewhere/photos")
    out = Path("rows.csv").absolute()
    code, _, errors = run("photos", "--out", out, "--model", model, "--resume", cwd="elsewhere")
    assert code == 2
    assert "working folder was" in errors
    options = ("--batch-size", "3", "--decode-threads", "2", "--threads", "2", "--quiet")
    assert scan(model, "--resume", *options) == (1, "")
    assert Path("rows.csv").read_bytes() == whole
    code, errors = scan(model, "--resume")
    assert (code, errors.count("\n")) == (2, 1)
    assert "it is complete" in errors
    assert Path("rows.csv").read_bytes() == whole


def test_the_second_of_two_scans_is_refused(model):
    with start(
        *("photos", "--files-from", "-", "--out", "rows.csv", "--model", model),
        stdin=subprocess.PIPE,
    ) as first:
        while rows_written() < 5:
            assert first.poll() is None, first.stderr.read()
            time.sleep(0.01)
        for option in ("--resume", "--force"):
            code, errors = scan(model, option)
            assert code == 2
            assert "another scan writes to" in errors
        first.communicate(timeout=60)
    assert len(rows_of()) == 5
    assert names() == ["photos", "rows.csv"]
