"""``trustthepixels page``, as it is installed, without a browser."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest
from page.site import fake_runtime, headers_in

from trustthepixels.infer.images.limits import MAX_BYTES, MAX_PIXELS
from trustthepixels.infer.model.bundled import installed_models
from trustthepixels.infer.page.runtime import FILES, VERSION
from trustthepixels.infer.results import MIN_SIDE, Doubt

WEB = Path(__file__).parents[2] / "web"
OWN = {path.name for path in WEB.iterdir() if path.suffix in (".html", ".js", ".css")}


@pytest.fixture
def runtime(tmp_path) -> Path:
    return fake_runtime(tmp_path / "package")


def test_the_folder_holds_the_page_its_models_and_the_runtime(run_command, tmp_path, runtime):
    done = run_command("trustthepixels", "page", "--out", tmp_path / "site", "--runtime", runtime)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"wrote {tmp_path / 'site'} (")
    assert done.stderr.count("\n") == 1
    names = {
        path.relative_to(tmp_path / "site").as_posix()
        for path in (tmp_path / "site").rglob("*")
        if path.is_file()
    }
    models = {"models/edge.onnx", "models/default.onnx"}
    made = {"models.json", "style.css", "_headers", *(f"runtime/{name}" for name in FILES)}
    assert names == OWN | models | made
    about = json.loads((tmp_path / "site" / "models.json").read_text())["models"]
    assert [one["file"] for one in about] == ["models/edge.onnx", "models/default.onnx"]
    for one in about:
        written = (tmp_path / "site" / one["file"]).read_bytes()
        bundled = installed_models()[one["name"]].read_bytes()
        assert hashlib.sha256(written).digest() == hashlib.sha256(bundled).digest()
        assert one["bytes"] == len(written)
    for name in OWN:
        assert (tmp_path / "site" / name).read_bytes() == (WEB / name).read_bytes()


def test_every_reference_of_the_page_is_in_its_folder(run_command, tmp_path, runtime, tiny_model):
    run_command(
        *("trustthepixels", "page", "--out", tmp_path / "site", "--runtime", runtime),
        *("--model", tiny_model),
    )
    for name in OWN:
        text = (tmp_path / "site" / name).read_text()
        for found in re.findall(r'(?:from |src=|href=|URL\()"([^"#:]+)"', text):
            assert (tmp_path / "site" / found).exists(), found


def test_any_model_can_be_the_page_s(run_command, tmp_path, runtime, tiny_model):
    odd = tiny_model.rename(tmp_path / "my model #1.onnx")
    done = run_command(
        *("trustthepixels", "page", "--out", tmp_path / "site", "--runtime", runtime),
        *("--model", odd, "--model", "edge", "--quiet"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    about = json.loads((tmp_path / "site" / "models.json").read_text())["models"]
    assert [one["name"] for one in about] == ["my model #1", "edge"]
    assert about[0]["file"] == "models/my%20model%20%231.onnx"
    assert (tmp_path / "site" / "models" / odd.name).read_bytes() == odd.read_bytes()


def test_without_a_runtime_one_line_says_how_to_get_it(run_command, tmp_path):
    done = run_command("trustthepixels", "page", "--out", tmp_path / "site")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"npm pack onnxruntime-web@{VERSION}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "site").exists()


def _another_version(folder: Path) -> Path:
    return fake_runtime(folder / "other", "1.2.3")


def _no_package(folder: Path) -> Path:
    return folder


def _a_file_is_missing(folder: Path) -> Path:
    package = fake_runtime(folder / "cut")
    (package / "dist" / FILES[-1]).unlink()
    return package


def _not_an_object(folder: Path) -> Path:
    package = fake_runtime(folder / "list")
    (package / "package.json").write_text("[]")
    return package


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_another_version, "holds onnxruntime-web 1.2.3, not onnxruntime-web"),
        (_no_package, "not an unpacked onnxruntime-web"),
        (_a_file_is_missing, f"{FILES[-1]}: not there"),
        (_not_an_object, "not an unpacked onnxruntime-web"),
    ],
)
def test_a_wrong_runtime_is_refused_before_anything_is_written(run_command, tmp_path, make, reason):
    done = run_command(
        "trustthepixels", "page", "--out", tmp_path / "site", "--runtime", make(tmp_path)
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert f"npm pack onnxruntime-web@{VERSION}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "site").exists()


def test_a_folder_with_files_is_left_alone(run_command, tmp_path, runtime, tiny_model):
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("mine")
    (site / "notes.txt").write_text("mine")
    write = ("trustthepixels", "page", "--out", site, "--runtime", runtime, "--model", tiny_model)
    done = run_command(*write)
    assert done.returncode == 2
    assert "holds files" in done.stderr
    assert {path.name for path in site.iterdir()} == {"index.html", "notes.txt"}
    assert run_command(*write, "--force").returncode == 0
    assert (site / "index.html").read_bytes() == (WEB / "index.html").read_bytes()
    assert (site / "notes.txt").read_text() == "mine"


def test_what_cannot_be_a_page_is_one_line(run_command, tmp_path, runtime, tiny_model):
    write = ("trustthepixels", "page", "--runtime", runtime, "--out")
    (tmp_path / "file").write_text("")
    for arguments, code, reason in (
        ((tmp_path / "file",), 2, "cannot write"),
        ((tmp_path / "a", "--model", tmp_path / "file"), 3, "is not an ONNX file"),
        ((tmp_path / "a", "--model", "nonsense"), 3, "no bundled model"),
        ((tmp_path / "a", "--model", tiny_model, "--model", tiny_model), 2, "the same name"),
    ):
        done = run_command(*write, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert reason in done.stderr
    assert not (tmp_path / "a").exists()


def test_the_policy_of_the_page_and_of_its_server_are_one(
    run_command, tmp_path, runtime, tiny_model
):
    run_command(
        *("trustthepixels", "page", "--out", tmp_path / "site", "--runtime", runtime),
        *("--model", tiny_model),
    )
    text = (tmp_path / "site" / "index.html").read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert dict(headers_in(tmp_path / "site"))["Content-Security-Policy"] == policy
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == rules["worker-src"] == rules["style-src"] == "'self'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert rules["img-src"] == "'self' blob: data:"


def test_the_page_has_no_code_or_style_within_its_html():
    text = (WEB / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert not re.search(r'<style|\bstyle=|\bon\w+="', text)
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|\beval\(",
        "".join((WEB / name).read_text() for name in OWN),
    )


def test_the_page_has_the_scanner_s_limits_and_notes():
    pixels, worker, verdict = (
        (WEB / name).read_text() for name in ("pixels.js", "worker.js", "verdict.js")
    )
    assert f"MAX_PIXELS = {MAX_PIXELS:_};" in pixels
    assert f"MAX_BYTES = {MAX_BYTES >> 20} * 1024 * 1024;" in worker
    assert f"MIN_SIDE = {MIN_SIDE};" in verdict
    assert f'"{Doubt.UNIFORM}"' in verdict
    assert f'"{Doubt.TEXT}"' in verdict


def test_the_wheel_takes_every_file_of_the_page():
    setuptools = tomllib.loads((WEB.parent / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "trustthepixels.web" in setuptools["packages"]
    assert setuptools["package-dir"]["trustthepixels.web"] == "web"
    patterns = setuptools["package-data"]["trustthepixels.web"]
    left = {path.name for path in WEB.iterdir() if path.is_file()} - {
        path.name for pattern in (*patterns, "*.py") for path in WEB.glob(pattern)
    }
    assert not left
