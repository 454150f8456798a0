"""``scan-folder --shard`` and ``trustthepixels merge``: the parts of a scan have its bytes."""

import os
import shutil
import signal
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import trustthepixels
from sample_rows import GOOD
from scanning import killer, run, search_first, start
from tiny_model import with_input_size, write_tiny_model

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.output.output import open_output
from trustthepixels.infer.output.parts.shard import Shard
from trustthepixels.infer.output.run_identity import RunIdentity

BROKEN = b"\xff\xd8\xff"
"""Start of a JPEG and nothing else: a row without any decoding."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user stands beside folders whose names sort in the ways that go wrong."""
    folder = tmp_path / "here"
    for name in ("photos/b", "photos/b.d", "photos/b-", "photos/b!", "photos/b/b", "more"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "broken.jpg").write_bytes(BROKEN)
    shutil.copy(examples / "Real/chelsea.jpg", folder / "photos" / "b.jpg")
    shutil.copy(examples / "AI/painting-house.webp", folder / "photos" / "b" / "z.webp")
    shutil.copy(examples / "Real/astronaut.jpg", folder / "photos" / "b.d" / "a.jpg")
    os.link(folder / "photos" / "b.jpg", folder / "more" / "a\nb.jpg")
    monkeypatch.chdir(folder)
    return folder


def scan(model: Path, out: str, *options: str | Path) -> str:
    """Standard error of a scan that reports damaged files."""
    code, _, errors = run("--model", model, "--out", out, "--quiet", *options)
    assert code in (0, 1), errors
    return errors


def scan_in_parts(model: Path, count: int, *options: str | Path, suffix: str = "csv") -> list[str]:
    parts = [f"part{number}.{suffix}" for number in range(1, count + 1)]
    for number, part in enumerate(parts, 1):
        scan(model, part, "--shard", f"{number}/{count}", *options)
    return parts


def merge(*arguments: str) -> tuple[int, str]:
    done = trustthepixels("merge", *arguments)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("roots", "options"),
    [
        (["photos"], []),
        (["more", "photos", "photos/b"], ["--format", "jsonl"]),
        (["photos/b", "photos", "./photos/b.jpg"], ["--provenance", "--excel"]),
    ],
)
def test_the_parts_of_a_scan_have_its_bytes(model, roots, options):
    scan(model, "whole", *roots, *options)
    parts = scan_in_parts(model, 3, *roots, *options)
    assert merge(*reversed(parts), "--out", "all")[0] == 0
    whole = Path("whole").read_bytes()
    assert Path("all").read_bytes() == whole
    assert all(Path(part).read_bytes() != whole for part in parts)


def test_a_list_in_any_order_merges_in_its_order(model):
    Path("list").write_text("photos/b.d/a.jpg\nmore\nphotos/b.jpg\nphotos/b.d/a.jpg\ngone.jpg\n")
    scan(model, "whole.csv", "--files-from", "list")
    parts = scan_in_parts(model, 2, "--files-from", "list")
    assert merge(*parts, "--out", "all.csv")[0] == 0
    assert Path("all.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_an_interrupted_shard_goes_on_and_merges(model):
    scan(model, "whole.csv", "photos", "more")
    parts = scan_in_parts(model, 2, "photos", "more")
    largest = max(parts, key=lambda part: Path(part).stat().st_size)
    shard = f"{parts.index(largest) + 1}/2"
    finished = Path(largest).read_bytes()
    Path(largest).unlink()
    arguments = ("photos", "more", "--model", model, "--out", largest, "--shard", shard)
    with start(*arguments, env={**os.environ, "PYTHONPATH": search_first(killer(1))}) as process:
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    code, errors = merge(*parts, "--out", "all.csv")
    assert (code, Path("all.csv").exists()) == (2, False)
    assert "--resume" in errors
    code, _, errors = run(*arguments[:-1], "1/3", "--resume")
    assert code == 2
    assert "--shard" in errors
    scan(model, largest, "photos", "more", "--shard", shard, "--resume")
    assert Path(largest).read_bytes() == finished
    assert merge(*parts, "--out", "all.csv")[0] == 0
    assert Path("all.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_an_updated_shard_merges(model):
    parts = scan_in_parts(model, 2, "photos")
    shutil.copy("photos/b.jpg", "photos/new.jpg")
    Path("photos/b!/broken.jpg").unlink()
    for number, part in enumerate(parts, 1):
        scan(model, part, "photos", "--shard", f"{number}/2", "--update")
    scan(model, "whole.csv", "photos")
    assert merge(*parts, "--out", "all.csv")[0] == 0
    assert Path("all.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_parts_that_are_no_whole_scan_are_refused(model, tmp_path):
    one, two = scan_in_parts(model, 2, "photos")
    scan(model, "three.csv", "photos", "--shard", "2/3")
    scan(model, "plain.csv", "photos")
    other = write_tiny_model(tmp_path / "other.onnx", spec=with_input_size(16, 16))
    scan(other, "other.csv", "photos", "--shard", "2/2")
    scan(model, "limited.csv", "photos", "--shard", "2/2", "--max-pixels", "1000000")
    scan(model, "provenance.csv", "photos", "--shard", "2/2", "--provenance")
    Path("all.csv").write_text("mine")
    for parts, words in (
        ([one], "shards are missing: 2/2"),
        ([one, two, one], "are both shard 1/2"),
        ([one, "three.csv"], "--shard was 1/2 and is 2/3"),
        ([one, "plain.csv"], "not a part of a scan with --shard"),
        ([one, "other.csv"], "different scans: model was"),
        ([one, "limited.csv"], "different scans: limits: max_pixels"),
        ([one, "provenance.csv"], "different scans"),
        ([one, "gone.csv"], "gone.csv: no such file"),
        ([one, "photos"], "photos"),
    ):
        code, errors = merge(*parts, "--out", "all.csv", "--force")
        assert (code, errors.count("\n")) == (2, 1), errors
        assert words in errors
    code, errors = merge(one, two, "--out", "all.csv")
    assert (code, errors.count("\n")) == (2, 1)
    assert "--force" in errors
    assert Path("all.csv").read_text() == "mine"


def test_formats_are_compared_though_the_first_part_has_no_rows():
    for number, row_format in enumerate(("jsonl", "csv", "jsonl"), 1):
        identity = RunIdentity({"--shard": f"{number}/3"})
        with open_output(f"{number}", RowFormat(row_format), is_shard=True) as output:
            output.begin(identity)
            if number > 1:
                output.write(replace(GOOD, path=f"photos/{number}.jpg"))
    code, errors = merge("1", "2", "3", "--out", "all")
    assert (code, Path("all").exists()) == (2, False)
    assert "2 and 3 have different formats" in errors


def test_a_part_that_lost_a_row_is_refused(model):
    (part,) = scan_in_parts(model, 1, "photos")
    lines = Path(part).read_bytes().splitlines(keepends=True)
    for rest in (lines[:-1], lines[:1] + lines[2:], [*lines[:1], *lines[:0:-1]]):
        Path(part).write_bytes(b"".join(rest))
        code, errors = merge(part, "--out", "all.csv")
        assert (code, Path("all.csv").exists()) == (2, False)
        assert f"{part} and its record do not fit; scan this shard again" in errors


def test_a_shard_without_its_record_does_not_go_on(model):
    arguments = ("photos", "--model", model, "--out", "rows.csv", "--shard", "1/1")
    with start(*arguments, env={**os.environ, "PYTHONPATH": search_first(killer(1))}) as process:
        process.communicate(timeout=60)
    before = Path("rows.csv").read_bytes()
    Path("rows.csv.shard").unlink()
    code, _, errors = run(*arguments, "--resume", "--quiet")
    assert (code, errors.count("\n")) == (2, 1)
    assert "there is no rows.csv.shard; start anew with --force" in errors
    # The torn row is gone.
    assert Path("rows.csv").read_bytes() == before[: before.rindex(b"\n") + 1]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/", "-1/3", "1/0", "a/b", "1/2/3", "²/3"])
def test_a_wrong_shard_is_one_line(model, text):
    code, _, errors = run("photos", "--model", model, "--out", "rows.csv", "--shard", text)
    assert (code, errors.count("\n"), Path("rows.csv").exists()) == (2, 1, False)
    assert f"--shard {text}: not a shard" in errors


def test_a_shard_into_a_pipe_is_refused(model):
    code, output, errors = run("photos", "--model", model, "--out", "-", "--shard", "1/2")
    assert (code, output) == (2, b"")
    assert "use --out with a file" in errors


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_in_place_of_a_record_is_not_waited_for(model):
    one, two = scan_in_parts(model, 2, "photos")
    Path(f"{one}.shard").unlink()
    os.mkfifo(f"{one}.shard")
    code, errors = merge(one, two, "--out", "all.csv")
    assert (code, errors.count("\n")) == (2, 1)
    assert f"{one}.shard is damaged" in errors
    code, _, errors = run("photos", "--model", model, "--out", one, "--resume")
    assert (code, errors.count("\n")) == (2, 1)


def test_a_scan_without_shards_leaves_no_record(model):
    scan(model, "rows.csv", "photos", "--shard", "1/2")
    assert Path("rows.csv.shard").exists()
    scan(model, "rows.csv", "photos", "--force")
    assert not Path("rows.csv.shard").exists()


NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"\0" not in name and not name.startswith(b"/")
)
"""Paths below a folder; none begins with a slash."""


@given(st.lists(NAMES, max_size=40), st.integers(1, 20))
def test_each_file_belongs_to_one_shard_wherever_its_folder_is(names, count):
    shards = [Shard(number, count) for number in range(1, count + 1)]
    for name in names:
        takers = [
            [shard for shard in shards if shard.takes(root.rstrip(b"/") + b"/" + name, root)]
            for root in (b"/data", b"/data/", b"s3://bucket/pictures")
        ]
        assert takers[0] == takers[1] == takers[2]
        assert len(takers[0]) == 1


@given(st.text(max_size=8))
def test_what_is_no_shard_is_refused(text):
    try:
        shard = Shard.of(text)
    except UsageError as error:
        assert repr(text)[1:-1] in str(error) or text in str(error)
    else:
        assert 1 <= shard.number <= shard.count


def odd_trees() -> st.SearchStrategy[list[bytes]]:
    part = st.sampled_from([b"a", b"b", b"a!", b"a-", b"a.", b"a b", b"\xff", b"\x01", b"B"])
    return st.lists(st.lists(part, min_size=1, max_size=3).map(b"/".join), min_size=1, max_size=12)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system folds names")
def test_any_tree_merges_in_the_order_of_its_walk(model, tmp_path):
    number = 0

    @settings(max_examples=12)
    @given(odd_trees(), st.integers(1, 4))
    def merged(paths: list[bytes], count: int) -> None:
        nonlocal number
        number += 1
        folder = tmp_path / f"tree{number}"
        write_tree(folder / "t", paths)
        os.chdir(folder)
        rows = ("scan", "t", "--model", model, "--quiet", "--out")
        assert trustthepixels(*rows, "whole.csv").returncode in (0, 1)
        parts = [f"{part}.csv" for part in range(1, count + 1)]
        for part in parts:
            shard = ("--shard", f"{part[:-4]}/{count}")
            assert trustthepixels(*rows, part, *shard).returncode in (0, 1)
        assert merge(*parts, "--out", "all.csv")[0] == 0
        assert Path("all.csv").read_bytes() == Path("whole.csv").read_bytes()

    merged()


def write_tree(root: Path, paths: Iterable[bytes]) -> None:
    for path in paths:
        *folders, name = os.fsdecode(path).split("/")
        folder = Path(root, *(f"{part}.d" for part in folders))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.jpg").write_bytes(BROKEN)
