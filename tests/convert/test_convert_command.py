"""``trustthepixels convert``, as it is installed: all rows, typed, whole or not at all."""

import contextlib
import json
import shutil
import signal
import sqlite3
from pathlib import Path

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.pages import judged, stating, write_rows
from scanning import run, search_first

from trustthepixels.infer.choices import Existing, RowFormat
from trustthepixels.infer.convert.run import convert_rows
from trustthepixels.infer.output.rows import Columns, names_of
from trustthepixels.infer.results import (
    FileStatus,
    Origin,
    OriginGrade,
    Provenance,
    ScanRow,
    Verdict,
    VerdictLabel,
)


@pytest.fixture(scope="module")
def scanned_once(tmp_path_factory, examples):
    """A folder with pictures, a broken one among them, and their rows with provenance."""
    folder = tmp_path_factory.mktemp("scanned")
    shutil.copytree(examples, folder / "photos")
    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    for name, kind in (("rows.csv", "csv"), ("same.jsonl", "jsonl")):
        scan = ("photos", "--out", name, "--format", kind, "--provenance", "--quiet")
        assert run(*scan, cwd=folder)[0] == 1
    return folder


@pytest.fixture
def scanned(run_command, tmp_path, scanned_once):
    """A copy of that folder, where the commands run."""
    return shutil.copytree(scanned_once, tmp_path / "cwd", dirs_exist_ok=True)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "photos")


def test_text_is_what_the_scan_would_have_written(run_command, scanned):
    for source, target, like in (
        ("rows.csv", "a.jsonl", "same.jsonl"),
        ("same.jsonl", "b.csv", "rows.csv"),
        ("rows.csv", "c.csv", "rows.csv"),
        ("same.jsonl", "d.JSONL", "same.jsonl"),
    ):
        done = run_command("trustthepixels", "convert", source, target)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"wrote 19 rows to {target}\n"
        assert (scanned / target).read_bytes() == (scanned / like).read_bytes()


def test_parquet_has_types_and_the_values_of_the_rows(run_command, scanned):
    assert run_command("trustthepixels", "convert", "rows.csv", "rows.parquet").returncode == 0
    table = pyarrow.parquet.read_table(scanned / "rows.parquet")
    word = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    types = {field.name: field.type for field in table.schema}
    assert tuple(types) == names_of(Columns.WITH_PROVENANCE)
    assert types["p_ai"] == pyarrow.float32()
    assert {types[name] for name in ("width", "height", "bytes")} == {pyarrow.int64()}
    words = ("status", "verdict", "format", "origin", "origin_grade")
    assert {types[name] for name in words} == {word}
    text = ("path", "error", "note", "origin_evidence")
    assert {types[name] for name in text} == {pyarrow.string()}
    lines = (scanned / "same.jsonl").read_text().splitlines()
    for row, line in zip(table.to_pylist(), lines, strict=True):
        expected = json.loads(line)
        assert row.pop("p_ai") == pytest.approx(expected.pop("p_ai"), abs=1e-6)
        assert row == expected
    metadata = table.schema.metadata
    assert metadata[b"trustthepixels.rows"] == b"rows.csv"
    assert metadata[b"trustthepixels.version"]
    assert b"trustthepixels.scan" not in metadata


def test_the_settings_of_an_update_go_along(run_command, scanned, tiny_model):
    scan = ("scan-folder", "photos", "--out", "new.csv", "--update", "--model", tiny_model)
    assert run_command(*scan).returncode == 1
    assert run_command("trustthepixels", "convert", "new.csv", "new.parquet").returncode == 0
    metadata = pyarrow.parquet.read_schema(scanned / "new.parquet").metadata
    scan = json.loads(metadata[b"trustthepixels.scan"])
    assert scan["model"].startswith("tiny (sha256")
    assert scan["thresholds"]["ai"] == 0.8
    assert run_command("trustthepixels", "convert", "new.csv", "new.sqlite").returncode == 0
    with contextlib.closing(sqlite3.connect(scanned / "new.sqlite")) as database:
        stored = dict(database.execute("select key, value from metadata"))
    assert json.loads(stored["scan"]) == scan


def test_sqlite_has_types_and_the_values_of_the_rows(run_command, scanned):
    assert run_command("trustthepixels", "convert", "rows.csv", "rows.sqlite").returncode == 0
    with contextlib.closing(sqlite3.connect(scanned / "rows.sqlite")) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        types = {name: kind for _, name, kind, *_ in database.execute("pragma table_info(rows)")}
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("select * from rows order by rowid")]
    assert types["p_ai"] == "REAL"
    assert {types[name] for name in ("width", "height", "bytes")} == {"INTEGER"}
    assert rows == [json.loads(line) for line in (scanned / "same.jsonl").open()]


def test_an_existing_file_stays_without_force(run_command, scanned):
    for suffix in ("parquet", "sqlite", "csv", "jsonl"):
        target = scanned / f"mine.{suffix}"
        target.write_text("mine")
        done = run_command("trustthepixels", "convert", "rows.csv", target.name)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "exists; choose another name, or replace it with --force" in done.stderr
        assert target.read_text() == "mine"
        forced = run_command("trustthepixels", "convert", "rows.csv", target.name, "--force")
        assert forced.returncode == 0
        assert target.read_bytes() != b"mine"
    assert not [name for name in names_in(scanned) if name.startswith(".")]


def test_a_file_can_be_converted_in_its_place(run_command, scanned):
    before = (scanned / "rows.csv").read_bytes()
    done = run_command("trustthepixels", "convert", "rows.csv", "rows.csv", "--force")
    assert done.returncode == 0
    assert (scanned / "rows.csv").read_bytes() == before


@pytest.mark.parametrize("suffix", ["parquet", "sqlite", "csv", "jsonl"])
def test_rows_that_end_in_the_middle_leave_no_file(run_command, scanned, suffix):
    content = (scanned / "rows.csv").read_bytes()
    (scanned / "rows.csv").write_bytes(content[:-9])
    before = names_in(scanned)
    done = run_command("trustthepixels", "convert", "rows.csv", f"out.{suffix}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "comes no whole row" in done.stderr
    assert names_in(scanned) == before


@pytest.mark.parametrize(
    ("column", "value"), [(3, "1.5"), (3, "nan"), (3, "x"), (4, "wide"), (7, "1e3")]
)
def test_a_value_of_another_kind_is_one_line(run_command, tmp_path, column, value):
    rows = write_rows(tmp_path / "cwd" / "rows.csv", [judged("a.jpg", 0.5, "ai")])
    head, line, _ = rows.read_bytes().split(b"\r\n")
    values = line.split(b",")
    values[column] = value.encode()
    rows.write_bytes(b"\r\n".join([head, b",".join(values), b""]))
    done = run_command("trustthepixels", "convert", "rows.csv", "rows.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds no value of its column" in done.stderr
    assert names_in(tmp_path / "cwd") == ["rows.csv"]


@pytest.mark.parametrize("name", ["rows.txt", "rows", "rows.xlsx", ".parquet"])
def test_an_unknown_ending_is_named(run_command, scanned, name):
    done = run_command("trustthepixels", "convert", "rows.csv", name)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "must end with one of .parquet, .sqlite, .csv, .jsonl" in done.stderr


def test_without_pyarrow_the_extra_is_named(run_command, scanned, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pyarrow'] = None\n")
    without = {"PYTHONPATH": search_first(tmp_path)}
    before = names_in(scanned)
    done = run_command("trustthepixels", "convert", "rows.csv", "rows.parquet", **without)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install 'trustthepixels[parquet]'" in done.stderr
    assert names_in(scanned) == before
    done = run_command("trustthepixels", "convert", "rows.csv", "rows.sqlite", **without)
    assert done.returncode == 0


KILLER = """
import os, signal
from trustthepixels.infer.convert import run

def killing(batches):
    def some(rows):
        for batch in batches(rows, 5):
            yield batch
            yield batch
            os.kill(os.getpid(), signal.SIGKILL)
    return some

run.batches = killing(run.batches)
"""
"""As ``sitecustomize``: a conversion dies after some rows."""


@pytest.mark.parametrize("suffix", ["parquet", "sqlite", "csv", "jsonl"])
def test_a_killed_conversion_leaves_the_old_file(run_command, scanned, tmp_path, suffix):
    (tmp_path / "sitecustomize.py").write_text(KILLER)
    target = scanned / f"mine.{suffix}"
    for arguments in ((), ("--force",)):
        if arguments:
            target.write_text("mine")
        convert = ("trustthepixels", "convert", "rows.csv", target.name, *arguments)
        killed = run_command(*convert, PYTHONPATH=search_first(tmp_path))
        assert killed.returncode == -signal.SIGKILL
        assert target.exists() is bool(arguments)
    assert target.read_text() == "mine"
    done = run_command("trustthepixels", "convert", "rows.csv", target.name, "--force")
    assert done.returncode == 0


def test_a_scan_that_did_not_end_is_neither_read_nor_replaced(run_command, scanned):
    (scanned / "half.csv").write_bytes((scanned / "rows.csv").read_bytes())
    (scanned / "half.csv.resume").write_text("{}")
    done = run_command("trustthepixels", "convert", "half.csv", "half.sqlite")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "did not end" in done.stderr
    done = run_command("trustthepixels", "convert", "same.jsonl", "half.csv", "--force")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "did not end" in done.stderr
    assert (scanned / "half.csv").read_bytes() == (scanned / "rows.csv").read_bytes()


def test_old_stamps_do_not_vouch_for_other_rows(run_command, scanned, tiny_model):
    scan = ("scan-folder", "photos", "--out", "new.csv", "--update", "--model", tiny_model)
    assert run_command(*scan).returncode == 1
    assert (scanned / "new.csv.update").exists()
    done = run_command("trustthepixels", "convert", "same.jsonl", "new.csv", "--force")
    assert done.returncode == 0
    assert not (scanned / "new.csv.update").exists()


def test_no_rows_are_converted_too(run_command, tmp_path):
    folder = tmp_path / "cwd"
    write_rows(folder / "rows.csv", [])
    for suffix in ("parquet", "sqlite", "jsonl"):
        done = run_command("trustthepixels", "convert", "rows.csv", f"rows.{suffix}")
        assert (done.returncode, done.stderr) == (0, f"wrote 0 rows to rows.{suffix}\n")
    assert len(pandas.read_parquet(folder / "rows.parquet")) == 0
    assert (folder / "rows.jsonl").read_bytes() == b""


def test_several_batches_are_one_table(tmp_path):
    count = 40_000
    rows = (judged(f"photos/{n}.jpg", n / count, "unsure") for n in range(count))
    source = write_rows(tmp_path / "rows.csv", rows)
    for suffix in ("parquet", "csv"):
        target = str(tmp_path / f"out.{suffix}")
        assert convert_rows(str(source), target, Existing.REFUSE) == count
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.column("path").to_pylist() == [f"photos/{n}.jpg" for n in range(count)]
    assert (tmp_path / "out.csv").read_bytes() == source.read_bytes()


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
PROBABILITIES = st.integers(0, 1_000_000).map(lambda millionths: millionths / 1e6)
PROVENANCES = st.builds(
    Provenance,
    st.sampled_from(Origin),
    st.sampled_from(OriginGrade),
    st.lists(st.sampled_from(["xmp:google-ai", "c2pa:broken"]), max_size=2).map(tuple),
)
COMMON = {
    "path": TEXTS.filter(bool),
    "width": st.none() | st.integers(1, 2**32),
    "height": st.none() | st.integers(1, 2**32),
    "format": st.sampled_from(["", "JPEG", "PNG"]),
    "bytes": st.none() | st.integers(0, 2**62),
    "provenance": PROVENANCES,
}
ROWS = st.builds(
    ScanRow,
    status=st.just(FileStatus.OK),
    verdict=st.builds(Verdict, st.sampled_from(VerdictLabel), PROBABILITIES),
    note=TEXTS,
    **COMMON,
) | st.builds(
    ScanRow,
    status=st.sampled_from([status for status in FileStatus if status is not FileStatus.OK]),
    error=TEXTS,
    **COMMON,
)


@given(rows=st.lists(ROWS, max_size=8), columns=st.sampled_from(Columns))
def test_any_rows_survive_every_format(tmp_path_factory, rows, columns):
    folder = tmp_path_factory.mktemp("rows")
    originals = {
        RowFormat.CSV: write_rows(folder / "rows.csv", rows, RowFormat.CSV, columns),
        RowFormat.JSONL: write_rows(folder / "rows.jsonl", rows, RowFormat.JSONL, columns),
    }
    if not rows and columns is not Columns.USUAL:
        # Without a row, JSON lines do not tell their columns.
        originals.pop(RowFormat.JSONL)
    for source in originals.values():
        for row_format, like in originals.items():
            target = folder / f"out.{row_format}"
            convert_rows(str(source), str(target), Existing.REPLACE)
            assert target.read_bytes() == like.read_bytes()
        convert_rows(str(source), str(folder / "out.parquet"), Existing.REPLACE)
        table = pyarrow.parquet.read_table(folder / "out.parquet").to_pylist()
        lines = (
            [json.loads(line) for line in originals.get(RowFormat.JSONL, source).open()]
            if rows
            else []
        )
        for row, expected in zip(table, lines, strict=True):
            p_ai = expected.pop("p_ai")
            assert row.pop("p_ai") == (None if p_ai is None else pytest.approx(p_ai, abs=1e-6))
            assert row == expected


def test_provenance_is_optional(tmp_path):
    rows = [stating("a.jpg", 0.9, "ai", "ai", "signed")]
    source = write_rows(tmp_path / "a.csv", rows, RowFormat.CSV, Columns.WITH_PROVENANCE)
    convert_rows(str(source), str(tmp_path / "a.parquet"), Existing.REFUSE)
    (row,) = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert (row["origin"], row["origin_grade"]) == ("ai", "signed")
