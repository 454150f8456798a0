"""Rows in parts: what one scan would have written, whatever the parts look like."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import trustthepixels
from sample_rows import BAD, GOOD

from trustthepixels.infer.choices import Existing, RowFormat
from trustthepixels.infer.errors import InputError, OutputError
from trustthepixels.infer.output.parts import parts_output
from trustthepixels.infer.output.parts.folder import LocalFolder, PartName
from trustthepixels.infer.output.parts.manifest import Manifest, Run, Totals, write_run
from trustthepixels.infer.output.parts.merge_folder import merge_folder, merged_rows
from trustthepixels.infer.output.parts.part import (
    Part,
    part_header,
    part_line,
    part_of,
    rows_of_part,
)
from trustthepixels.infer.output.parts.parts_output import open_parts
from trustthepixels.infer.output.rows import Columns, encode_row, header
from trustthepixels.infer.output.run_identity import RunIdentity
from trustthepixels.infer.results import ScanRow

RUN = Run(RunIdentity({"model": "m"}), RowFormat.CSV, Columns.USUAL)
Placed = tuple[int, ScanRow]


def content_of(rows: Iterable[Placed], run: Run = RUN) -> bytes:
    lines = (part_line(row, root, None, run.row_format, run.columns) for root, row in rows)
    return part_header(run.row_format, run.columns) + b"".join(lines)


def write_part(
    folder: LocalFolder, rows: list[Placed], number: int, attempt: int = 1, run: Run = RUN
) -> Part:
    name = str(PartName(attempt, number, rows[0][0], run.name, run.row_format))
    content = content_of(rows, run)
    folder.create(name, content)
    return described(name, content, run)


def described(name: str, content: bytes, run: Run) -> Part:
    return part_of(name, content, list(rows_of_part(name, content, run.row_format, run.columns)))


def write_folder(path: Path, parts: list[list[Placed]], run: Run = RUN) -> LocalFolder:
    folder = LocalFolder(str(path))
    write_run(folder, run, replaces=False)
    described_parts = [
        write_part(folder, rows, number, 1, run) for number, rows in enumerate(parts)
    ]
    totals = Totals()
    for row in merged_rows(folder, run, described_parts):
        totals.add(row)
    folder.put("manifest.json", Manifest(run, totals, described_parts).to_bytes())
    return folder


def named(path: str, row: ScanRow = GOOD) -> ScanRow:
    return replace(row, path=path)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    rows = [(0, named("p/a.jpg")), (0, named("p/b.jpg", BAD)), (1, named("o/x.jpg"))]
    write_folder(tmp_path / "rows", [rows[2:], rows[:1], rows[1:2]])
    return tmp_path / "rows"


@pytest.mark.parametrize("row_format", RowFormat)
def test_a_part_gives_back_what_went_in(row_format):
    stamps = [None, (0, 0), (7, -1), (1 << 62, (1 << 63) - 1), (1, -(1 << 63))]
    rows = [named(f"s3://b/{i}\r\n\"',.jpg", BAD if i else GOOD) for i in range(len(stamps))]
    content = part_header(row_format, Columns.USUAL) + b"".join(
        part_line(row, i, stamp, row_format, Columns.USUAL)
        for i, (row, stamp) in enumerate(zip(rows, stamps, strict=True))
    )
    read = list(rows_of_part("part", content, row_format, Columns.USUAL))
    assert [row.stamp for row in read] == stamps
    assert [row.root for row in read] == list(range(len(stamps)))
    assert [row.line for row in read] == [encode_row(row, row_format) for row in rows]
    assert [row.path.decode() for row in read] == [row.path for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_parts_give_the_rows_of_one_scan(tmp_path_factory, data):
    keys = data.draw(
        st.sets(st.tuples(st.integers(0, 2), st.text("ab/.-\x01", min_size=1)), min_size=1)
    )
    # The walk has no empty names, and sorts names, not whole paths.
    ordered = sorted(keys, key=lambda place: (place[0], place[1].replace("/", "\0")))
    rows = [(root, named(f"r{root}/{key}")) for root, key in ordered]
    numbers = data.draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows)))
    groups = [[row for row, n in zip(rows, numbers, strict=True) if n == i] for i in range(5)]
    path = tmp_path_factory.mktemp("any")
    folder = write_folder(path / "rows", [group for group in groups if group])
    assert merge_folder(folder, str(path / "out"), Existing.REFUSE) == len(rows)
    lines = [encode_row(row, RowFormat.CSV) for _, row in rows]
    assert (path / "out").read_bytes() == header(RowFormat.CSV) + b"".join(lines)


def test_rows_that_a_part_calls_replaced_are_left_out(tmp_path):
    folder = LocalFolder(str(tmp_path / "rows"))
    old = write_part(folder, [(0, named("a.jpg", BAD)), (0, named("b.jpg"))], number=0)
    new = write_part(folder, [(1, named("a.jpg"))], number=1, attempt=2)
    rows = merged_rows(folder, RUN, [new, replace(old, replaced=[0])])
    assert [(row.path, row.status) for row in rows] == [(b"b.jpg", "ok"), (b"a.jpg", "ok")]


def test_a_part_whose_writing_was_interrupted_doubles_no_row(tmp_path, monkeypatch):
    folder, identity = LocalFolder(str(tmp_path / "rows")), RunIdentity({"model": "m"})

    def interrupted(_name, work):
        # The thread that writes goes on when nobody waits for it any more.
        work()
        monkeypatch.undo()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_parts(folder, RowFormat.CSV) as output:
        output.begin(identity)
        output.write(named("a.jpg"))
        output.write(named("b.jpg"))
        monkeypatch.setattr(parts_output, "waited_for", interrupted)
        output.sync()
    with open_parts(folder, RowFormat.CSV, Existing.RESUME) as output:
        output.begin(identity)
        assert set(output.kept()) == {b"a.jpg", b"b.jpg"}
        output.drop_outdated()
    assert merge_folder(folder, str(tmp_path / "out"), Existing.REFUSE) == 2


def test_the_command_puts_a_folder_together(parts):
    out = parts.parent / "all.csv"
    done = trustthepixels("merge", str(parts), "--out", str(out))
    assert done.returncode == 0, done.stderr
    rows = [named("p/a.jpg"), named("p/b.jpg", BAD), named("o/x.jpg")]
    assert out.read_bytes() == header(RowFormat.CSV) + b"".join(
        encode_row(row, RowFormat.CSV) for row in rows
    )


def a_part(folder: Path) -> Path:
    return next(folder.glob("part-*"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: a_part(folder).unlink(), "is missing"),
        (lambda folder: a_part(folder).write_bytes(b"x"), "is damaged"),
        (lambda folder: (folder / "manifest.json").unlink(), "did not end"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "manifest.json is damaged"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "no rows of a scan"),
    ],
)
def test_a_folder_that_is_not_whole_is_one_line_and_no_file(parts, spoil, words):
    spoil(parts)
    done = trustthepixels("merge", str(parts), "--out", str(parts / "../all.csv"))
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in parts.parent.iterdir()] == ["rows"]


def test_counts_that_do_not_fit_are_refused(parts):
    manifest = json.loads((parts / "manifest.json").read_text())
    (parts / "manifest.json").write_text(json.dumps(manifest | {"rows": manifest["rows"] + 1}))
    with pytest.raises(InputError, match="its manifest counts"):
        merge_folder(LocalFolder(str(parts)), str(parts / "all.csv"), Existing.REFUSE)
    assert not (parts / "all.csv").exists()


def test_a_name_is_written_once(tmp_path):
    folder = LocalFolder(str(tmp_path / "new"))
    assert list(folder.names()) == []
    assert folder.read("a") is None
    folder.create("a", b"1")
    folder.create("a", b"1")
    with pytest.raises(OutputError, match="another scan has just written it"):
        folder.create("a", b"2")
    folder.put("a", b"3")
    assert (list(folder.names()), folder.read("a")) == (["a"], b"3")
    folder.remove("a")
    folder.remove("a")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_beside_other_parts_is_refused(parts):
    done = trustthepixels("merge", str(parts), "more.csv", "--out", str(parts / "../all.csv"))
    assert done.returncode == 2
    assert "name nothing beside it" in done.stderr


def test_the_later_of_two_runs_into_one_folder_counts(tmp_path):
    folder = LocalFolder(str(tmp_path / "rows"))
    identity = RunIdentity({"model": "m"})
    with (
        pytest.raises(OutputError, match="another scan has begun there"),
        open_parts(folder, RowFormat.CSV) as first,
    ):
        first.begin(identity)
        first.write(named("first.jpg"))
        with open_parts(folder, RowFormat.CSV) as second:
            second.begin(identity)
            second.write(named("second.jpg"))
    assert merge_folder(folder, str(tmp_path / "out"), Existing.REFUSE) == 1
    assert b"second.jpg" in (tmp_path / "out").read_bytes()


def test_a_run_that_fails_at_once_leaves_the_run_that_began_after_it(tmp_path):
    folder = LocalFolder(str(tmp_path / "rows"))
    first = open_parts(folder, RowFormat.CSV)
    first.__enter__()
    with open_parts(folder, RowFormat.CSV) as second:
        second.begin(RunIdentity({"model": "m"}))
        assert not first.__exit__(InputError, InputError("no model"), None)
        second.write(named("a.jpg"))
    assert merge_folder(folder, str(tmp_path / "out"), Existing.REFUSE) == 1


@pytest.mark.parametrize("paths", [[], ["new.jpg"]])
def test_a_replacement_that_was_killed_goes_on_and_removes_the_old_parts(tmp_path, paths):
    folder, identity = LocalFolder(str(tmp_path / "rows")), RunIdentity({"model": "m"})
    with open_parts(folder, RowFormat.CSV) as output:
        output.begin(identity)
        output.write(named("old.jpg"))
    killed = parts_output.PartsOutput(folder, RowFormat.CSV, Existing.REPLACE, Columns.USUAL)
    killed.begin(identity)
    for path in paths:
        killed.write(named(path))
    killed.sync()
    with pytest.raises(InputError, match="continue it with --resume"):
        merge_folder(folder, str(tmp_path / "out"), Existing.REFUSE)
    with open_parts(folder, RowFormat.CSV, Existing.RESUME) as output:
        output.begin(identity)
        output.write(named("newer.jpg"))
    assert merge_folder(folder, str(tmp_path / "out"), Existing.REFUSE) == len(paths) + 1
    parts = [folder.read(name) for name in folder.names() if name.startswith("part-")]
    assert len(parts) == len(paths) + 1
    assert not any(b"old.jpg" in part for part in parts)


def test_an_empty_description_of_a_run_can_be_replaced(tmp_path):
    """A kill leaves one on disks without hard links."""
    folder = LocalFolder(str(tmp_path))
    (tmp_path / "run.json").touch()
    with (
        pytest.raises(OutputError, match="with --force"),
        open_parts(folder, RowFormat.CSV, Existing.RESUME),
    ):
        pass
    with open_parts(folder, RowFormat.CSV, Existing.REPLACE) as output:
        output.begin(RunIdentity({"model": "m"}))
        output.write(named("a.jpg"))
    assert merge_folder(folder, str(tmp_path / "out"), Existing.REFUSE) == 1


def test_a_resumed_run_and_its_double_do_not_overwrite_each_other(tmp_path):
    folder = LocalFolder(str(tmp_path / "rows"))
    identity = RunIdentity({"model": "m"})
    with pytest.raises(KeyboardInterrupt), open_parts(folder, RowFormat.CSV) as output:
        output.begin(identity)
        output.write(named("a.jpg"))
        raise KeyboardInterrupt
    with (
        pytest.raises(OutputError, match="another scan has just written it"),
        open_parts(folder, RowFormat.CSV, Existing.RESUME) as first,
        open_parts(folder, RowFormat.CSV, Existing.RESUME) as second,
    ):
        for output, path in ((first, "b.jpg"), (second, "c.jpg")):
            output.begin(identity)
            output.write(named(path))
            output.sync()
