"""``scan-folder`` on folders as people have them: odd names, lists from Windows, nightly jobs."""

import os
import shutil
import subprocess
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from scanning import rows_of, run, search_first, start
from tiny_model import write_tiny_model

pillow_heif = pytest.importorskip("pillow_heif")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user stands beside an empty folder."""
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(format: str = "JPEG") -> bytes:
    file = BytesIO()
    Image.effect_noise((80, 80), 90).convert("RGB").save(file, format)
    return file.getvalue()


def heic() -> bytes:
    file = BytesIO()
    pillow_heif.from_pillow(Image.effect_noise((80, 80), 90).convert("RGB")).save(file)
    return file.getvalue()


def scan(model: Path, *arguments: str | Path, **keywords) -> tuple[int, str]:
    """The exit code and standard error of a scan into ``rows.csv``."""
    code, output, errors = run(*arguments, "--out", "rows.csv", "--model", model, **keywords)
    assert output == b""
    return code, errors


def statuses() -> dict[str, str]:
    return {Path(row["path"]).name: row["status"] for row in rows_of()}


class TestNames:
    def test_iphone_pictures_are_judged(self, model):
        Path("photos/IMG_1.HEIC").write_bytes(heic())
        assert scan(model, "photos")[0] == 0
        (row,) = rows_of()
        assert (row["status"], row["format"], row["width"]) == ("ok", "HEIF", "80")

    def test_copies_of_one_picture_under_many_names_get_their_rows(self, model):
        by_name = ("a.jpg", "a.JFIF", "a.jpe", "a.mpo", "a.hif", "a.apng", "a.dib", "a.jxl")
        others = ("no-extension", "image.jpg?width=300", "photo.jpg~", "a.dat")
        for name in (*by_name, *others):
            Path("photos", name).write_bytes(picture())
        Path("photos/notes.txt").write_text("no picture")
        code, errors = scan(model, "photos")
        assert (code, len(rows_of())) == (0, len(by_name))
        assert "5 files are no pictures by their names; --any-name looks inside\n" in errors
        code, errors = scan(model, "photos", "--any-name", "--force")
        assert (code, len(rows_of())) == (0, len(by_name) + len(others))
        assert "1 file is no picture by its name nor its first bytes\n" in errors

    def test_what_a_mac_or_a_nas_leaves_is_passed_over(self, model):
        Path("photos/a.jpg").write_bytes(picture())
        Path("photos/._a.jpg").write_bytes(b"\0\5\x16\7" + bytes(100))
        Path("photos/@eaDir").mkdir()
        Path("photos/@eaDir/thumb.jpg").write_bytes(picture())
        code, errors = scan(model, "photos")
        assert (code, statuses()) == (0, {"a.jpg": "ok"})
        assert "2 files are passed over, left by a Mac, a NAS or a file manager" in errors
        assert scan(model, "photos", "--system-files", "--force")[0] == 1
        assert statuses() == {"._a.jpg": "not_an_image", "thumb.jpg": "ok", "a.jpg": "ok"}

    def test_the_output_is_not_counted_among_what_is_left_out(self, model):
        Path("photos/a.jpg").write_bytes(picture())
        for options in ([], ["--force"], ["--force", "--any-name"]):
            assert " by " not in scan(model, ".", *options)[1]
        Path("rows.csv").unlink()
        for _ in range(2):
            assert " by " not in scan(model, ".", "--update")[1]


class TestNothingFound:
    def test_an_empty_folder_is_exit_code_1_unless_allowed(self, model):
        code, errors = scan(model, "photos", "--quiet")
        assert code == 1
        assert errors == "there is nothing to scan; --allow-empty makes that a success\n"
        assert rows_of() == []
        assert scan(model, "photos", "--force", "--allow-empty", "--quiet") == (0, "")

    def test_patterns_that_match_nothing_are_named(self, model):
        Path("photos/a.jpg").write_bytes(picture())
        code, errors = scan(model, "photos", "--include", "*.gif", "--exclude", "raw/")
        assert code == 1
        assert "--include '*.gif' matches nothing\n--exclude 'raw/' matches nothing\n" in errors
        assert scan(model, "photos", "--include", "**/*.JPG", "--force")[0] == 0

    def test_what_is_no_pattern_is_wrong_usage(self, model):
        code, errors = scan(model, "photos", "--include", "[")
        assert (code, errors.count("\n")) == (2, 1)
        assert "'[' is not a pattern" in errors
        assert not Path("rows.csv").exists()


class TestLists:
    def test_a_list_from_windows(self, model):
        Path("photos/é.jpg").write_bytes(picture())
        Path("list").write_bytes("\ufeffphotos/é.jpg\r\nphotos/gone.jpg\r\n".encode())
        assert scan(model, "--files-from", "list")[0] == 1
        assert statuses() == {"é.jpg": "ok", "gone.jpg": "missing"}

    def test_utf_16_is_refused_in_one_line(self, model):
        Path("list").write_bytes(".\r\n".encode("utf-16"))
        code, errors = scan(model, "--files-from", "list")
        assert (code, errors.count("\n")) == (2, 1 + errors.startswith("scanning"))
        assert "is in UTF-16; save it as UTF-8" in errors

    def test_rows_come_as_the_lines_of_a_slow_list_come(self, model):
        for name in ("a.jpg", "b.jpg"):
            Path("photos", name).write_bytes(picture())
        with start(
            *("--files-from", "-", "--out", "-", "--model", model), stdin=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            for name in (b"photos/a.jpg", b"photos/b.jpg"):
                process.stdin.write(name + b"\n")
                process.stdin.flush()
                # Each line is written only when the row of the one before it has come.
                assert process.stdout.readline().startswith(name)
            process.stdin.close()
            assert process.wait(timeout=60) == 0


class TestUpdate:
    def scan(self, model: Path, *options: str) -> tuple[int, str]:
        code, errors = scan(model, "photos", "--update", *options)
        return code, errors.splitlines()[-1]

    def fresh(self, model: Path) -> bytes:
        run("photos", "--out", "fresh.csv", "--model", model, "--force")
        return Path("fresh.csv").read_bytes()

    def test_night_after_night(self, model):
        names = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
        for name in names:
            Path("photos", name).write_bytes(picture())
        Path("photos/d.jpg").write_text("no picture")
        for name in names:
            os.utime(Path("photos", name), (10**9, 10**9))
        assert "(1 done" not in self.scan(model)[1]
        code, line = self.scan(model)
        assert code == 1
        assert line.startswith("4 files (3 done before)")
        Path("photos/b.jpg").write_bytes(picture())
        Path("photos/a.jpg").unlink()
        Path("photos/d.jpg").write_bytes(picture())
        Path("photos/e.jpg").write_bytes(picture())
        code, line = self.scan(model)
        assert code == 0
        assert line.startswith("4 files (1 done before)")
        assert Path("rows.csv").read_bytes() == self.fresh(model)

    def test_other_options_begin_anew_and_say_so(self, model):
        Path("photos/a.jpg").write_bytes(picture())
        os.utime("photos/a.jpg", (10**9, 10**9))
        self.scan(model)
        _, errors = scan(model, "photos", "--update", "--threshold", "0.9")
        assert "all files are scanned again: thresholds: " in errors
        assert "done before" in self.scan(model, "--threshold", "0.9")[1]

    def test_one_that_is_interrupted_says_how_to_go_on(self, model):
        for name in ("a.jpg", "b.jpg"):
            Path("photos", name).write_bytes(picture())
        with start(
            *("--files-from", "-", "--out", "rows.csv", "--model", model, "--update"),
            stdin=subprocess.PIPE,
        ) as process:
            process.stdin.write(b"photos/a.jpg\n")
            process.stdin.flush()
            deadline = time.monotonic() + 60
            while not Path("rows.csv").exists() or b"photos/a" not in Path("rows.csv").read_bytes():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.terminate()
            _, errors = process.communicate(timeout=60)
        assert errors.decode().endswith("the rows are in rows.csv; go on with --update\n")

    def test_it_needs_a_file_and_excludes_force(self, model):
        code, _, errors = run("photos", "--out", "-", "--model", model, "--update")
        assert code == 2
        assert "cannot update -" in errors
        assert scan(model, "photos", "--update", "--force")[0] == 2


def test_a_share_that_goes_away_ends_the_scan_and_resume_goes_on(model, here):
    for number in range(100):
        Path(f"photos/{number:03}.jpg").write_bytes(picture())
    (here / "lost").mkdir()
    (here / "lost/sitecustomize.py").write_text(
        "import os\n"
        "real_open = os.open\n"
        "def stale(path, *arguments, **options):\n"
        "    if isinstance(path, bytes) and path >= b'photos/030' and path.endswith(b'.jpg'):\n"
        "        raise OSError(116, 'Stale file handle')\n"
        "    return real_open(path, *arguments, **options)\n"
        "os.open = stale\n"
    )
    environment = {**os.environ, "PYTHONPATH": search_first(here / "lost")}
    code, errors = scan(model, "photos", env=environment)
    assert code == 5
    assert "their share, disk or store seems to be gone" in errors
    assert len(rows_of()) == 30
    assert scan(model, "photos/", "--resume")[0] == 0
    assert set(statuses().values()) == {"ok"}
    assert len(rows_of()) == 100


def test_an_output_that_is_emptied_meanwhile_is_an_error(model):
    for number in range(3):
        Path(f"photos/{number}.jpg").write_bytes(picture())
    with start(
        *("--files-from", "-", "--out", "rows.csv", "--model", model), stdin=subprocess.PIPE
    ) as process:
        process.stdin.write(b"photos/0.jpg\n")
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not Path("rows.csv").exists() or b"photos/0" not in Path("rows.csv").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.truncate("rows.csv", 0)
        _, errors = process.communicate(b"photos/1.jpg\n", timeout=60)
    assert process.returncode == 2
    assert b"rows.csv was changed by another program" in errors
    assert Path("rows.csv").read_bytes() == b""


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")
def test_a_mounted_file_is_refused_before_the_model_is_loaded(model, here):
    for name in ("source", "rows.csv"):
        Path(name).write_text("precious")
    if subprocess.run(["mount", "--bind", "source", "rows.csv"], capture_output=True).returncode:
        pytest.skip("mounting is not allowed")
    try:
        code, errors = scan("missing.onnx", "photos", "--force")
        assert (code, errors.count("\n")) == (2, 1)
        assert "it is mounted by itself" in errors
        os.truncate("source", 0)
        assert scan(model, "photos", "--force", "--allow-empty")[0] == 0
        assert Path("source").read_bytes().startswith(b"path,status")
    finally:
        subprocess.run(["umount", here / "rows.csv"], check=True)
