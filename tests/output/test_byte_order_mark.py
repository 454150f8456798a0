"""``--excel``: a byte order mark before the header, which resumed and updated outputs may have."""

import codecs
import csv
import os
from pathlib import Path

import pytest
from PIL import Image
from sample_rows import GOOD, GOOD_LINE, HEADER
from scanning import run

from trustthepixels.infer.choices import Existing, Mark, RowFormat
from trustthepixels.infer.output.output import open_output
from trustthepixels.infer.output.rows import Columns
from trustthepixels.infer.output.run_identity import RunIdentity
from trustthepixels.infer.system.signals import Interrupted

BOM = codecs.BOM_UTF8
IDENTITY = RunIdentity({"model": "tiny"})
MARKS = pytest.mark.parametrize("mark", list(Mark))


def begun(out: Path, existing: Existing, mark: Mark):
    return open_output(str(out), RowFormat.CSV, existing, Columns.USUAL, mark)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three small pictures; Excel shows two of the names wrongly without a mark."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name in ("été.png", "写真.png", "z.png"):
        Image.effect_noise((70, 70), 60).save(Path("photos", name))
        os.utime(Path("photos", name), (10**9, 10**9))
    return Path("photos")


def scan(model: Path, *options: str, out: str = "rows.csv") -> tuple[int, bytes, str]:
    return run("photos", "--out", out, "--model", model, "--quiet", *options)


def test_rows_are_those_without_it_after_a_mark(photos, tiny_model):
    assert scan(tiny_model)[0] == 0
    assert scan(tiny_model, "--excel", out="marked.csv") == (0, b"", "")
    marked = Path("marked.csv").read_bytes()
    assert marked == BOM + Path("rows.csv").read_bytes()
    assert scan(tiny_model, "--excel", out="-")[1] == marked
    with Path("marked.csv").open(encoding="utf-8-sig", newline="") as file:
        assert "photos/été.png" in [row["path"] for row in csv.DictReader(file)]


def test_json_lines_have_no_mark(photos, tiny_model):
    code, _, errors = scan(tiny_model, "--excel", "--format", "jsonl")
    assert (code, errors.count("\n")) == (2, 1)
    assert "--excel is for CSV" in errors
    assert not Path("rows.csv").exists()


@pytest.mark.parametrize("options", [[], ["--excel"]])
def test_an_update_takes_rows_over_from_either_and_writes_what_is_asked_for(
    photos, tiny_model, options
):
    scan(tiny_model, "--update", "--excel")
    Path("rows.csv").write_bytes(Path("rows.csv").read_bytes().replace(b",0.", b",0.1"))
    assert scan(tiny_model, "--update", *options)[0] == 0
    rows = Path("rows.csv").read_bytes()
    assert rows.startswith(BOM) == bool(options)
    assert rows.count(b",0.1") == 3
    assert rows.count(BOM) == bool(options)


@MARKS
@pytest.mark.parametrize("now", list(Mark))
@pytest.mark.parametrize("size", [*range(8), *range(40, len(BOM + HEADER + GOOD_LINE) + 1)])
def test_an_interrupted_scan_goes_on_after_a_cut_anywhere(tmp_path, mark, now, size):
    out = tmp_path / "rows.csv"
    with pytest.raises(Interrupted), begun(out, Existing.REFUSE, mark) as output:
        output.begin(IDENTITY)
        output.write(GOOD)
        raise Interrupted(2)
    start = (BOM if mark is Mark.BYTE_ORDER else b"") + HEADER
    assert out.read_bytes() == start + GOOD_LINE
    os.truncate(out, min(size, len(start + GOOD_LINE)))
    with begun(out, Existing.RESUME, now) as output:
        kept = output.begin(IDENTITY)
        is_kept = size >= len(start + GOOD_LINE)
        assert [*output.kept()] == [b"photos/a.jpg"] * is_kept
        assert kept.verdicts.total() == is_kept
        output.write(GOOD)
    if size < len(start):
        start = (BOM if now is Mark.BYTE_ORDER else b"") + HEADER
    assert out.read_bytes() == start + GOOD_LINE * (1 + is_kept)
