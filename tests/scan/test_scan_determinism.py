"""Equal files give equal bytes, for any number of threads and any batch size."""

import subprocess
import sysconfig
from pathlib import Path

import pytest
from image_files import make_pictures
from tiny_model import write_tiny_model

from trustthepixels.infer.choices import DEFAULT_MODEL

SCAN_FOLDER = Path(sysconfig.get_path("scripts")) / "scan-folder"


def scan(folder: Path, model: str | Path, *options: str) -> bytes:
    """The rows of a scan, as bytes."""
    command = [SCAN_FOLDER, ".", "--out", "-", "--quiet", "--model", str(model), *options]
    process = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=250)
    assert process.returncode == 1, process.stderr
    return process.stdout


SETTINGS = (
    ("--threads", "1", "--decode-threads", "1", "--batch-size", "1"),
    ("--threads", "2", "--decode-threads", "5", "--batch-size", "32"),
    ("--threads", "3", "--decode-threads", "2", "--batch-size", "7"),
    ("--decode-threads", "2", "--decode-processes", "2"),
)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    folder = tmp_path_factory.mktemp("thousand")
    make_pictures(folder, sorted(examples.glob("*/*")), 1000)
    return folder


def test_a_thousand_files(thousand, tmp_path):
    model = write_tiny_model(tmp_path / "tiny.onnx")
    first, *others = (scan(thousand, model, *options) for options in SETTINGS)
    assert first.count(b"\r\n") == 1001
    assert 900 < first.count(b",ok,") < 1000
    assert all(other == first for other in others)


def test_few_descriptors_cost_no_row(thousand, tmp_path):
    model = write_tiny_model(tmp_path / "tiny.onnx")
    options = ["--model", str(model), "--decode-threads", "16", "--decode-processes", "16"]
    command = [str(SCAN_FOLDER), ".", "--out", "-", "--quiet", *options]
    limited = ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=thousand, capture_output=True, check=False, timeout=120)
    assert done.stdout == scan(thousand, model)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_bytes_again(thousand):
    """For one batch size: for another, cuDNN takes other kernels, which round otherwise."""
    on_gpu = ("--device", "cuda", "--decode-threads")
    first, second = (scan(thousand, DEFAULT_MODEL, *on_gpu, threads) for threads in ("2", "5"))
    assert first == second


def test_json_lines_too(thousand, tmp_path):
    model = write_tiny_model(tmp_path / "tiny.onnx")
    first, *others = (scan(thousand, model, "--format", "jsonl", *o) for o in SETTINGS[:2])
    assert all(other == first for other in others)


def test_a_bad_file_changes_no_other_row(thousand, tmp_path):
    model = write_tiny_model(tmp_path / "tiny.onnx")
    with_bad = scan(thousand, model).splitlines()
    bad = {line.split(b",")[0] for line in with_bad[1:] if b",ok," not in line}
    assert bad
    listed = [line.split(b",")[0] for line in with_bad[1:] if b",ok," in line]
    list_file = tmp_path / "list"
    list_file.write_bytes(b"\n".join(listed))
    command = [SCAN_FOLDER, "--files-from", list_file, "--out", "-", "--quiet", "--model", model]
    good = subprocess.run(command, cwd=thousand, capture_output=True, check=True, timeout=250)
    assert good.stdout.splitlines() == [line for line in with_bad if line.split(b",")[0] not in bad]


def test_the_bundled_model(tmp_path, examples):
    make_pictures(tmp_path, sorted(examples.glob("*/*")), 60)
    first, *others = (scan(tmp_path, DEFAULT_MODEL, *options) for options in SETTINGS)
    assert all(other == first for other in others)


@pytest.mark.slow
def test_a_thousand_files_with_the_bundled_model(thousand):
    first, *others = (scan(thousand, DEFAULT_MODEL, *options) for options in SETTINGS)
    assert all(other == first for other in others)
