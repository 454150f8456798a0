"""``--provenance`` in a scan: columns, details, the summary, and what it never changes."""

import csv
import io
import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from metadata_corpus import A1111, AI_TYPE, CAMERA, COMFY_PROMPT, NOTE, plain_cases
from metadata_writers import exif, plain, png_texts
from scanning import run
from signed_corpus import anchors, signed_cases
from tiny_model import write_tiny_model

from trustthepixels.infer.output.rows import COLUMNS

NEW = ("origin", "origin_grade", "origin_evidence")
SPELLING = {".jpeg": ".jpg", ".tiff": ".tif"}


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    (folder / "photos").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def table(content):
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def scan(*arguments, code=0, model):
    found, output, errors = run("photos", "--out", "-", "--model", model, *arguments)
    assert found == code, errors
    return output, errors


def write(name, data):
    path = Path("photos") / name
    path = path.with_suffix(SPELLING.get(path.suffix, path.suffix))
    path.write_bytes(data)
    return str(path)


def with_app1(picture, content):
    length = (len(content) + 2).to_bytes(2, "big")
    return picture[:2] + b"\xff\xe1" + length + content + picture[2:]


def test_a_scan_writes_what_each_file_of_the_corpus_states(model):
    expected = {write(case.name, case.data): case.columns for case in plain_cases()}
    output, _ = scan("--provenance", code=1, model=model)
    rows = table(output)
    assert tuple(rows[0]) == (*COLUMNS, *NEW)
    assert {row["path"]: tuple(row[name] for name in NEW) for row in rows} == expected


def test_a_scan_checks_signatures_against_the_list_that_it_is_given(model):
    pytest.importorskip("c2pa")
    expected = {write(case.name, case.data): case.checked for case in signed_cases()}
    Path("list.pem").write_text(anchors())
    output, _ = scan("--trust-list", "list.pem", code=1, model=model)
    assert {row["path"]: tuple(row[name] for name in NEW) for row in table(output)} == expected


def test_without_the_option_rows_are_as_they_were(model):
    for case in plain_cases()[:20]:
        write(case.name, case.data)
    plainly, errors = scan(model=model)
    assert "say" not in errors
    output, _ = scan("--provenance", model=model)
    assert table(plainly) == [{name: row[name] for name in COLUMNS} for row in table(output)]
    assert plainly.splitlines()[0].decode() == ",".join(COLUMNS)


@pytest.mark.parametrize("option", ["--provenance", None])
def test_only_the_option_loads_the_readers(model, option):
    write("a.png", png_texts(parameters=A1111))
    script = (
        "import sys\n"
        "from trustthepixels.infer.commands.scan import scan\n"
        "scan.main(sys.argv[1:], standalone_mode=False)\n"
        "print(any('provenance' in name or 'origins' in name for name in sys.modules))\n"
        "print(any(name.endswith(('c2pa', '.jumbf', '.manifests')) for name in sys.modules))\n"
    )
    arguments = ["photos", "--out", "rows.csv", "--model", str(model), *filter(None, [option])]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True)
    is_read, *credentials = done.stdout.decode().splitlines()
    assert is_read == str(option is not None), done.stderr
    # No file here has a JUMBF block.
    assert credentials == ["False"]


def test_a_detector_without_the_option_loads_no_reader(model):
    name = write("a.png", png_texts(parameters=A1111))
    script = (
        "import sys\n"
        "from trustthepixels.infer import Detector\n"
        "import trustthepixels.infer.commands.judging\n"
        "detector = Detector(sys.argv[1], 'cpu')\n"
        "assert len(list(detector.scan(sys.argv[2]))) == 1\n"
        "assert detector.predict(sys.argv[2])\n"
        "print([name for name in sys.modules if 'provenance' in name])\n"
        "assert detector.provenance(sys.argv[2]).origin == 'ai'\n"
        "print(any('provenance' in name for name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(model), name], capture_output=True)
    assert done.stdout.decode().split() == ["[]", "True"], done.stderr


def test_metadata_that_change_places_change_no_verdict(model, examples):
    one, other = (
        (examples / "Real" / name).read_bytes() for name in ("astronaut.jpg", "coffee.jpg")
    )
    ai = b"http://ns.adobe.com/xap/1.0/\0" + AI_TYPE
    camera = b"Exif\0\0" + exif(**CAMERA, maker_note=NOTE)
    found = []
    for first, second in ((ai, camera), (camera, ai)):
        write("a.jpg", with_app1(one, first))
        write("b.jpg", with_app1(other, second))
        rows = table(scan("--provenance", model=model)[0])
        assert [row["origin"] for row in rows] == (
            ["ai", "camera"] if first is ai else ["camera", "ai"]
        )
        found.append([(row["path"], row["verdict"], row["p_ai"], row["status"]) for row in rows])
    assert found[0] == found[1]


def test_the_summary_says_where_files_and_model_disagree(model):
    write("a.png", png_texts(parameters=A1111))
    write("b.png", png_texts(prompt=COMFY_PROMPT))
    write("c.png", plain("PNG"))
    real = ("--threshold", "1", "--no-unsure")
    _, errors = scan("--provenance", *real, model=model)
    expected = "2 files say themselves that they are generated; the model calls 2 of them real"
    assert expected in errors
    _, errors = scan("--provenance", "--threshold", "0", model=model)
    assert "2 files say themselves that they are generated; the model calls 0 of them" in errors


def test_json_lines_have_the_columns_too(model):
    write("a.png", png_texts(parameters=A1111))
    write("b.png", plain("PNG"))
    output, _ = scan("--provenance", "--format", "jsonl", model=model)
    first, second = map(json.loads, output.splitlines())
    assert [first[name] for name in NEW] == ["ai", "claimed", "png:a1111"]
    assert [second[name] for name in NEW] == [None, None, None]


class TestDetails:
    def test_one_object_for_each_picture_that_only_its_owner_reads(self, model):
        write("a.png", png_texts(parameters=A1111))
        write("b.png", plain("PNG"))
        output, _ = scan("--provenance-details", "details.jsonl", model=model)
        assert "origin" in table(output)[0]
        assert "lighthouse" not in output.decode()
        first, second = map(json.loads, Path("details.jsonl").read_text().splitlines())
        assert first["statements"][0]["values"] == {"parameters": A1111}
        assert (first["origin"], first["origin_evidence"]) == ("ai", ["png:a1111"])
        assert second["statements"] == []
        assert stat.S_IMODE(Path("details.jsonl").stat().st_mode) == 0o600

    def test_a_file_that_exists_is_replaced_only_by_force(self, model):
        write("b.png", plain("PNG"))
        Path("details.jsonl").write_text("mine")
        _, errors = scan("--provenance-details", "details.jsonl", code=2, model=model)
        assert "details.jsonl exists" in errors
        assert Path("details.jsonl").read_text() == "mine"
        scan("--provenance-details", "details.jsonl", "--force", model=model)
        assert "mine" not in Path("details.jsonl").read_text()


def test_decode_processes_write_the_same_rows(model):
    cases = [case for case in plain_cases() if not case.name.startswith(("cut", "oversized"))]
    for number in range(3):
        for case in cases:
            write(f"{number}-{case.name}", case.data)
    for case in signed_cases():
        write(case.name, case.data)
    options = ("--provenance-details", "details.jsonl", "--force", "--decode-threads", "2")
    found = []
    for processes in ("0", "2"):
        output, _ = scan(*options, "--decode-processes", processes, code=1, model=model)
        details = sorted(Path("details.jsonl").read_text().splitlines())
        found.append((output, details))
    assert found[0] == found[1]


def test_an_interrupted_scan_goes_on_with_its_columns_alone(model):
    for case in plain_cases()[:6]:
        write(case.name, case.data)
    code, _, _ = run("photos", "--out", "all.csv", "--model", model, "--provenance")
    assert code == 0
    content = Path("all.csv").read_bytes()
    # A scan that was interrupted has its identity beside it; one of a device has none.
    shutil.copy("all.csv", "rows.csv")
    code, _, errors = run("photos", "--out", "rows.csv", "--resume", "--model", model)
    assert code == 2
    assert "rows.csv" in errors
    assert Path("rows.csv").read_bytes() == content


def test_a_trust_list_that_is_none_is_refused_before_the_scan(model):
    write("b.png", plain("PNG"))
    Path("list.pem").write_text("nothing")
    _, errors = scan("--trust-list", "list.pem", code=2, model=model)
    assert "list.pem: not a trust list" in errors
