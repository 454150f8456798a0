"""``trustthepixels report`` and ``scan-folder --report``, as they are installed."""

import csv
import io
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report.pages import judged, read_page, stating, write_rows
from scanning import run, search_first

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.output.reader import kept_rows
from trustthepixels.infer.output.rows import Columns
from trustthepixels.infer.results import FileStatus, ScanRow

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"

THRESHOLDS = load_model().spec.thresholds


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path, examples) -> Path:
    """A copy of the examples, where the commands run."""
    shutil.copytree(examples, tmp_path / "cwd" / "photos", dirs_exist_ok=True)
    return tmp_path / "cwd"


@pytest.fixture(scope="module")
def rows_once(tmp_path_factory, examples) -> bytes:
    """The examples' rows."""
    folder = tmp_path_factory.mktemp("scanned")
    shutil.copytree(examples, folder / "photos")
    assert run("photos", "--out", "rows.csv", "--quiet", cwd=folder)[0] == 0
    return (folder / "rows.csv").read_bytes()


@pytest.fixture
def scanned(run_command, folder, rows_once):
    """The copy with its rows."""
    (folder / "rows.csv").write_bytes(rows_once)
    return folder


def test_the_page_shows_all_there_is_and_loads_nothing(run_command, scanned):
    done = run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "wrote page.html\n"
    page = read_page(scanned / "page.html")
    verdicts = Counter(row["verdict"] for row in rows_of(scanned))
    assert page.counts == {**verdicts, "failed": 0}
    assert page.sections == ["likeliest", "unsure", "real"]
    wanted = [18, verdicts["unsure"], verdicts["real"]]
    assert [len(page.of(name)) for name in page.sections] == wanted
    names = {name for name, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert [values["content"] for name, values in page.tags if "http-equiv" in values] == [POLICY]
    assert not [name for _, values in page.tags for name in values if name.startswith("on")]
    assert "url(" not in page.text
    assert "@import" not in page.text
    for picture in page.pictures:
        assert (scanned / os.fsdecode(picture.path)).is_file()
        assert picture.alt.startswith(os.fsdecode(picture.path))
        assert max(picture.image.size) == 160
        assert picture.image.format == "WEBP"


def test_the_likeliest_come_first_with_what_the_rows_say(run_command, scanned):
    run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    page = read_page(scanned / "page.html")
    shown = [float(picture.alt.rpartition(" ")[2]) for picture in page.of("likeliest")]
    assert shown == sorted(shown, reverse=True)
    first, rows = page.of("likeliest")[0], rows_of(scanned)
    highest = max(rows, key=lambda row: float(row["p_ai"]))
    assert Path(highest["path"]).name in first.text
    assert f"{float(highest['p_ai']):.4f}" in first.text
    assert highest["verdict"] in first.text
    # The nearest to a limit, not the highest.
    limits = (THRESHOLDS.ai_threshold(), THRESHOLDS.real)
    unsure = sorted(
        (row for row in rows if row["verdict"] == "unsure"),
        key=lambda row: min(abs(float(row["p_ai"]) - limit) for limit in limits),
    )
    for row, picture in zip(unsure, page.of("unsure"), strict=True):
        assert Path(row["path"]).name in picture.text


def test_the_model_and_its_limits_are_on_top(run_command, scanned):
    run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    head = read_page(scanned / "page.html").words.partition("Likeliest")[0]
    assert "Scan of photos" in head
    assert f"{load_model().spec.name} (sha256 " in head
    assert "rows do not name their model, but all verdicts fit its limits" in head
    ai, real = THRESHOLDS.ai_threshold(), THRESHOLDS.real
    assert f"ai from p_ai {ai:.4f}, real below {real:.4f}, unsure between" in head
    assert "96 % of the default" in head
    assert "never proof" in head


def test_the_limits_of_another_rate_are_recognised(run_command, folder):
    run_command("scan-folder", "photos", "--out", "rows.csv", "--fpr", "0.05")
    done = run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert done.stderr == "wrote page.html\n"
    limit = f"ai from p_ai {THRESHOLDS.ai_threshold(0.05):.4f}"
    assert limit in read_page(folder / "page.html").words


def test_a_model_that_does_not_fit_is_said_to_be_unknown(run_command, folder, tiny_model):
    run_command("scan-folder", "photos", "--out", "rows.csv", "--model", tiny_model)
    done = run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert done.returncode == 0
    name = load_model().spec.name
    assert f"the verdicts do not fit the limits of the model {name}" in done.stderr
    page = read_page(folder / "page.html")
    assert "rows do not name their model" in page.words
    assert 'class="limit"' not in page.text
    done = run_command(
        *("trustthepixels", "report", "rows.csv", "--out", "page.html", "--force"),
        *("--model", tiny_model),
    )
    assert done.stderr == "wrote page.html\n"
    page = read_page(folder / "page.html")
    assert "tiny (sha256" in page.words
    assert "only if you measured it" in page.words
    assert page.text.count('class="limit"') == 2


def test_rows_of_an_update_name_their_model(run_command, folder, tiny_model):
    scan = ("scan-folder", "photos", "--out", "rows.csv", "--update")
    run_command(*scan, "--model", tiny_model, "--threshold", "0.7")
    done = run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert done.stderr == "wrote page.html\n"
    words = read_page(folder / "page.html").words
    assert "tiny (sha256" in words
    assert "rows do not name" not in words
    assert "ai from p_ai 0.7000" in words


def test_scan_folder_writes_both(run_command, folder, tiny_model):
    scan = ("scan-folder", "photos", "--out", "rows.csv", "--report", "page.html")
    done = run_command(*scan, "--model", tiny_model, "--no-unsure")
    assert done.returncode == 0
    assert done.stderr.endswith("rows.csv\nwrote page.html\n")
    page = read_page(folder / "page.html")
    assert "ai from p_ai 0.8000, else real" in page.words
    assert "rows do not name" not in page.words
    before = (folder / "page.html").read_bytes()
    again = run_command(*scan, "--model", tiny_model)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "page.html exists" in again.stderr
    assert (folder / "page.html").read_bytes() == before
    done = run_command(*scan, "--model", tiny_model, "--force", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "unsure between" in read_page(folder / "page.html").words


@pytest.mark.parametrize("out", ["-", "/dev/null"])
def test_a_report_needs_rows_in_a_file(run_command, folder, out):
    done = run_command("scan-folder", "photos", "--out", out, "--report", "page.html")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--report reads the rows again" in done.stderr
    assert not (folder / "page.html").exists()


KILLER = """
import os, signal
from trustthepixels.infer.output import writer

real_write, room = os.write, [8]

def write(descriptor, data):
    if room[0] == 0:
        real_write(descriptor, bytes(data)[:9])
        os.kill(os.getpid(), signal.SIGKILL)
    room[0] -= 1
    return real_write(descriptor, data)

writer.os = type("os", (), {**vars(os), "write": staticmethod(write)})
"""
"""As ``sitecustomize``: a scan dies in the middle of its eighth row."""


def test_json_lines_and_resumed_rows_give_the_same_page(run_command, folder, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(KILLER)
    scan = ("scan-folder", "photos", "--quiet", "--out")
    assert run_command(*scan, "rows.csv").returncode == 0
    assert run_command(*scan, "rows.jsonl", "--format", "jsonl").returncode == 0
    killed = run_command(*scan, "killed.csv", PYTHONPATH=search_first(tmp_path))
    assert killed.returncode == -signal.SIGKILL
    refused = run_command("trustthepixels", "report", "killed.csv", "--out", "page.html")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "its scan did not end; continue it with --resume first" in refused.stderr
    assert not (folder / "page.html").exists()
    assert run_command(*scan, "killed.csv", "--resume").returncode == 0
    pages = []
    for name in ("rows.csv", "rows.jsonl", "killed.csv"):
        done = run_command("trustthepixels", "report", name, "--out", "page.html", "--force")
        assert done.returncode == 0, done.stderr
        pages.append((folder / "page.html").read_text().replace(name, "rows"))
    assert pages[0] == pages[1] == pages[2]


def test_pictures_that_changed_or_went_are_said_to(run_command, scanned):
    (scanned / "photos" / "AI" / "portrait-m3.jpg").unlink()
    (scanned / "photos" / "AI" / "portrait-m66.jpg").write_bytes(b"no picture")
    changed = scanned / "photos" / "AI" / "photo-style-man.jpg"
    with Image.open(changed) as image:
        image.resize((100, 300)).save(changed)
    done = run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert done.returncode == 0
    pictures = {
        name: picture
        for picture in read_page(scanned / "page.html").of("likeliest")
        for name in ("photo-style-man", "portrait-m66", "portrait-m3.", "portrait-f17")
        if name in picture.text
    }
    assert pictures["photo-style-man"].image.size == (53, 160)
    assert "changed since the scan" in pictures["photo-style-man"].text
    assert pictures["portrait-m66"].src == ""
    assert "no supported image format" in pictures["portrait-m66"].text
    assert "gone since the scan" in pictures["portrait-m3."].text
    assert pictures["portrait-m3."].href == ""
    assert "since the scan" not in pictures["portrait-f17"].text


def test_thumbnails_are_upright(run_command, folder, tiny_model):
    pixels = np.zeros((300, 600, 3), np.uint8)
    pixels[:, :300] = 255, 0, 0
    exif = Image.Exif()
    exif[274] = 6
    for path in (folder / "photos").glob("*/*"):
        path.unlink()
    Image.fromarray(pixels).save(folder / "photos" / "turned.jpg", exif=exif)
    run_command("scan-folder", "photos", "--out", "rows.csv", "--model", tiny_model)
    run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    (picture, *_) = read_page(folder / "page.html").pictures
    assert picture.image.size == (80, 160)
    top, bottom = (picture.image.convert("RGB").getpixel((40, y)) for y in (10, 150))
    assert top[0] > 200 > 60 > bottom[0]


def test_limits_of_a_scan_hold_for_thumbnails(run_command, scanned):
    done = run_command(
        *("trustthepixels", "report", "rows.csv", "--out", "page.html", "--max-pixels", "250000")
    )
    assert done.returncode == 0
    pictures = read_page(scanned / "page.html").of("likeliest")
    large = [one for one in pictures if "512 pixels" in one.text or "limit 250000" in one.text]
    assert 0 < len(large) < len(pictures)
    assert all(not one.src for one in large)


def test_files_can_lie_elsewhere(run_command, scanned, tmp_path):
    (tmp_path / "pages").mkdir()
    done = run_command(
        *("trustthepixels", "report", scanned / "rows.csv", "--out", "page.html"),
        *("--scanned-in", scanned),
        cwd=tmp_path / "pages",
    )
    assert done.returncode == 0
    page = read_page(tmp_path / "pages" / "page.html")
    assert all(picture.src for picture in page.pictures)
    assert page.pictures[0].path.startswith(b"../cwd/photos/")


def test_contradictions_come_first_best_evidence_first(run_command, folder):
    rows = [
        stating("photos/Real/coffee.jpg", 0.1, "real", "camera", "signed"),
        stating("photos/Real/chelsea.jpg", 0.11, "real", "ai", "claimed"),
        stating("photos/AI/portrait-f3.jpg", 0.12, "real", "ai", "signed"),
        stating("photos/AI/portrait-m3.jpg", 0.95, "ai", "camera", "intact"),
        stating("photos/AI/portrait-m66.jpg", 0.96, "ai", "ai", "signed"),
        stating("photos/Real/astronaut.jpg", 0.5, "unsure", "ai", "signed"),
    ]
    write_rows(folder / "rows.csv", rows, RowFormat.CSV, Columns.WITH_PROVENANCE)
    write_rows(folder / "rows.jsonl", rows, RowFormat.JSONL, Columns.WITH_PROVENANCE)
    for name in ("rows.csv", "rows.jsonl"):
        run_command("trustthepixels", "report", name, "--out", "page.html", "--force")
        page = read_page(folder / "page.html")
        assert page.sections[0] == "contradictions"
        first = page.of("contradictions")
        assert ["portrait-f3" in first[0].text, "portrait-m3" in first[1].text] == [True, True]
        assert len(first) == 3
        assert "the file says ai (signed: xmp:trainedAlgorithmicMedia)" in first[0].text


def test_failed_files_are_a_list_with_reasons(run_command, folder):
    failed = [
        ScanRow(f"photos/{n}.jpg", FileStatus.CORRUPT, error=f"reason {n}") for n in range(600)
    ]
    write_rows(folder / "rows.csv", [judged("photos/Real/coffee.jpg", 0.1, "real"), *failed])
    run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    page = read_page(folder / "page.html")
    assert page.counts["failed"] == 600
    assert len(page.failures) == 500
    assert page.failures[7] == "photos/7.jpgcorrupt: reason 7"
    assert "100 more are in the rows" in page.words


def test_a_scan_of_nothing_has_a_page(run_command, folder):
    write_rows(folder / "rows.csv", [])
    (folder / "rows.jsonl").write_bytes(b"")
    for name in ("rows.csv", "rows.jsonl"):
        done = run_command("trustthepixels", "report", name, "--out", f"{name}.html")
        assert done.returncode == 0, done.stderr
        assert read_page(folder / f"{name}.html").pictures == []


def test_the_number_of_pictures_is_an_option(run_command, scanned):
    run_command("trustthepixels", "report", "rows.csv", "--out", "page.html", "--pictures", "3")
    page = read_page(scanned / "page.html")
    assert [len(page.of(name)) for name in ("likeliest", "unsure", "real")] == [3, 3, 3]
    verdicts = Counter(row["verdict"] for row in rows_of(scanned))
    assert f"3 of {verdicts['unsure']}" in page.words


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\r\n1,2\r\n", "neither a header nor a row"),
        (b'{"a": 1}\n', "other columns"),
        (b"\xff\xd8\xff\xe0", "neither a header nor a row"),
    ],
)
def test_other_files_are_refused_in_one_line(run_command, folder, content, reason):
    (folder / "rows.csv").write_bytes(content)
    done = run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert reason in done.stderr
    assert not (folder / "page.html").exists()


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_rows_that_were_cut_are_refused(run_command, scanned, cut):
    content = (scanned / "rows.csv").read_bytes()
    (scanned / "rows.csv").write_bytes(content[:-cut])
    done = run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "comes no whole row" in done.stderr
    assert not (scanned / "page.html").exists()


def test_missing_rows_and_unusable_pages_are_one_line(run_command, scanned):
    for rows, out in (
        ("none.csv", "page.html"),
        ("photos", "page.html"),
        ("rows.csv", "photos"),
        ("rows.csv", "none/page.html"),
        ("rows.csv", "rows.csv"),
    ):
        done = run_command("trustthepixels", "report", rows, "--out", out)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), (rows, out)
    assert sorted(path.name for path in scanned.iterdir()) == ["photos", "rows.csv"]


def test_a_page_is_replaced_only_on_request_and_never_left_half(run_command, scanned):
    page = scanned / "page.html"
    page.write_text("mine")
    report = ("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert run_command(*report).returncode == 2
    assert page.read_text() == "mine"
    page.chmod(0o600)
    assert run_command(*report, "--force").returncode == 0
    assert page.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in scanned.iterdir()) == ["page.html", "photos", "rows.csv"]


def test_hostile_names_stay_in_their_places(run_command, folder, tiny_model):
    names = [
        "<script>alert(1)<\\x2fscript>.jpg",
        '"><img src=x onerror=alert(1)>.jpg',
        "'onmouseover='alert(1).jpg",
        "a\nb\r\n.jpg",
        "\u202egpj.exe.jpg",
        "\u05d0\u05d1\u05d2 \u0627\u0628.jpg",
        "javascript:alert(1).jpg",
        "&lt;b&gt;&amp;.jpg",
        "%3Cscript%3E#?.jpg",
        "caf\udce9.jpg",
        "-->]]><!--.jpg",
        "=cmd.jpg",
    ]
    source = (folder / "photos" / "Real" / "coffee.jpg").read_bytes()
    shutil.rmtree(folder / "photos")
    (folder / "photos").mkdir()
    for name in names:
        (folder / "photos" / name).write_bytes(source)
    deep = folder / "photos"
    while len(os.fsencode(deep.relative_to(folder))) < 3_800 - 60:
        deep /= "d" * 100
    deep.mkdir(parents=True)
    (deep / "deep.jpg").write_bytes(source)
    scan = ("scan-folder", "photos", "--out", "rows.csv", "--report", "page.html")
    assert run_command(*scan, "--model", tiny_model).returncode == 0
    page = read_page(folder / "page.html")
    assert "script" not in {name for name, _ in page.tags}
    attributes = {name for _, values in page.tags for name in values}
    assert not {name for name in attributes if name.startswith("on")}
    paths = {os.fsencode(picture.path) for picture in page.of("likeliest")}
    expected = {os.fsencode(f"photos/{name}") for name in names}
    assert paths == expected | {os.fsencode(deep.relative_to(folder) / "deep.jpg")}
    assert all(picture.src for picture in page.pictures)
    # Nothing that changes the direction of writing, and no line break within a name.
    assert "\u202e" not in page.text
    assert "a\\x0ab\\x0d\\x0a.jpg" in page.words


def test_the_same_rows_give_the_same_bytes(run_command, scanned):
    for name in ("a.html", "b.html"):
        run_command("trustthepixels", "report", "rows.csv", "--out", name)
    assert (scanned / "a.html").read_bytes() == (scanned / "b.html").read_bytes()


def test_reading_leaves_rows_and_pictures_alone(run_command, scanned):
    def state():
        files = sorted(path for path in scanned.rglob("*") if path.suffix != ".html")
        return [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in files]

    before = state()
    run_command("trustthepixels", "report", "rows.csv", "--out", "page.html")
    assert state() == before
    with (scanned / "rows.csv").open("rb") as file:
        kept = kept_rows(file.fileno(), "rows.csv", RowFormat.CSV)
    assert kept.verdicts == Counter(row["verdict"] for row in rows_of(scanned))


def test_odd_formats_are_decoded_in_workers(run_command, folder, tiny_model):
    for path in (folder / "photos").glob("*/*"):
        path.unlink()
    stream = io.BytesIO()
    Image.new("RGB", (400, 200), "white").save(stream, "TIFF")
    (folder / "photos" / "a.tif").write_bytes(stream.getvalue())
    scan = ("scan-folder", "photos", "--out", "rows.csv", "--report", "page.html")
    assert run_command(*scan, "--model", tiny_model, "--isolate", "all").returncode == 0
    assert read_page(folder / "page.html").pictures[0].image.size == (160, 80)
