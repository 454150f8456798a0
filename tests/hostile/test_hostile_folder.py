"""A folder of everything that breaks scanners: one honest row each, and nothing else happens."""

import csv
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hostile_cases import CASES, TIMEOUT_S, make_all, make_sound
from tiny_model import write_tiny_model

from trustthepixels.infer import Detector
from trustthepixels.infer.flow.channel import Channel
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.results import FileStatus
from trustthepixels.infer.scan.decoding import threads as decode_threads
from trustthepixels.infer.scan.decoding.process import DecodeProcess
from trustthepixels.infer.scan.options import ScanOptions

resource = pytest.importorskip("resource", reason="limits as POSIX has them")

MEMORY = 300 << 20
ADDRESS_SPACE = 4 << 30
"""Most address space of the scan; the model's runtime and libraries take most of it."""

pytestmark = pytest.mark.timeout(300)


def scan(folder: Path, model: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command under a limit on its memory."""
    command = [str(Path(sysconfig.get_path("scripts"), "scan-folder")), ".", "--out", str(out)]
    command += ["--model", str(model), "--device", "cpu", "--timeout", str(TIMEOUT_S)]
    command += ["--memory", f"{MEMORY}", "--decode-threads", "4", *options]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
    )


def rows(out: Path) -> dict[str, dict[str, str]]:
    with out.open(newline="", encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    by_name = {row["path"]: row for row in listed}
    assert len(by_name) == len(listed), "a file has two rows"
    return by_name


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    make_sound(folder)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    make_sound(folder)
    make_all(folder)
    return folder


@pytest.fixture(scope="module")
def finished(hostile, model, tmp_path_factory):
    """One run over everything: the process and its rows."""
    out = tmp_path_factory.mktemp("out") / "rows.csv"
    return scan(hostile, model, out), rows(out)


def test_the_scan_ends_by_itself_and_says_that_some_files_failed(finished):
    process, _ = finished
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr


def test_every_file_has_one_row_and_a_folder_has_none(finished, hostile):
    _, found = finished
    assert set(found) == {path.name for path in hostile.iterdir()} - {"folder.jpg"}


@pytest.mark.parametrize("name", CASES)
def test_each_row_is_honest(finished, name):
    _, found = finished
    row, expected = found[name], CASES[name][0]
    assert row["status"] == expected.value, row
    assert bool(row["verdict"]) == (expected is FileStatus.OK)
    assert bool(row["error"]) == (expected is not FileStatus.OK)


def test_the_format_is_that_of_the_content(finished):
    _, found = finished
    assert found["png-called.jpg"]["format"] == "PNG"
    assert found["jpeg-called.gif"]["format"] == "JPEG"


def test_bad_files_leave_every_other_row_as_it_is_without_them(
    finished, sound, model, tmp_path_factory
):
    out = tmp_path_factory.mktemp("alone") / "rows.csv"
    assert scan(sound, model, out).returncode == 0
    alone = rows(out)
    _, found = finished
    assert {name: found[name] for name in alone} == alone


@pytest.mark.slow
def test_the_rows_are_the_same_with_every_file_in_a_process_of_its_own(
    finished, hostile, model, tmp_path_factory
):
    out = tmp_path_factory.mktemp("isolated") / "rows.csv"
    assert scan(hostile, model, out, "--isolate", "all").returncode == 1
    _, found = finished
    isolated = rows(out)
    for name, row in found.items():
        assert {**isolated[name], "error": ""} == {**row, "error": ""}, name


def test_a_full_decode_finds_no_other_damage(finished, hostile, model, tmp_path_factory):
    out = tmp_path_factory.mktemp("full") / "rows.csv"
    assert scan(hostile, model, out, "--decode", "full").returncode == 1
    _, found = finished
    in_full = {name: (row["status"], row["error"]) for name, row in rows(out).items()}
    assert in_full == {name: (row["status"], row["error"]) for name, row in found.items()}


def test_the_rows_are_the_same_through_python(finished, hostile, model, monkeypatch):
    monkeypatch.chdir(hostile)
    detector = Detector(model, "cpu")
    options = ScanOptions(limits=Limits(timeout_s=TIMEOUT_S), memory=MEMORY, decode_threads=2)
    _, found = finished
    for row in detector.scan(".", options):
        assert row.status.value == found[row.path]["status"], row
        assert row.error == found[row.path]["error"]
    assert sys.exc_info() == (None, None, None)


def test_the_rows_are_the_same_with_decode_processes(finished, hostile, model, monkeypatch):
    monkeypatch.chdir(hostile)
    # From the first file on, as they else are in a long scan.
    monkeypatch.setattr(decode_threads, "_ALONE_FIRST", 0)
    monkeypatch.setattr(decode_threads, "_ALONE_AFTER", 0)
    monkeypatch.setattr(Channel, "is_well_filled", True)
    at_once = DecodeProcess.is_ready
    monkeypatch.setattr(DecodeProcess, "is_ready", lambda self: at_once(self, 60.0))
    limits = Limits(timeout_s=TIMEOUT_S)
    options = ScanOptions(limits=limits, memory=MEMORY, decode_threads=2, decode_processes=2)
    _, found = finished
    seen = {row.path: row for row in Detector(model, "cpu").scan(".", options)}
    assert {path: (row.status.value, row.error) for path, row in seen.items()} == {
        path: (row["status"], row["error"]) for path, row in found.items()
    }
