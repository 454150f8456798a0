"""Kills at every step of a resumed scan of objects: the rows are those of an undisturbed scan."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from trustthepixels.infer.choices import Existing, RowFormat
from trustthepixels.infer.convert.run import convert_rows
from trustthepixels.infer.errors import InputError, OutputError
from trustthepixels.infer.output import whole_file, writer
from trustthepixels.infer.output.finished import finished_rows
from trustthepixels.infer.output.output import open_output
from trustthepixels.infer.output.parts import parts_output
from trustthepixels.infer.output.parts.folder import LocalFolder
from trustthepixels.infer.output.parts.merge import merge_parts
from trustthepixels.infer.output.parts.merge_folder import merge_folder
from trustthepixels.infer.output.parts.parts_output import open_parts
from trustthepixels.infer.output.run_identity import RunIdentity
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.scan.update import not_kept, object_stamp
from trustthepixels.infer.stores.addresses import parsed
from trustthepixels.infer.stores.found import Remote

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

IDENTITY = RunIdentity({"model": "tiny", "--shard": "1/1"})
ROOTS = ["s3://b/z/", "s3://b/a/"]
"""Prefixes in the order of a list, which is not that of their names."""

Bucket = Mapping[str, int]
"""Version of each object by its address."""

BEFORE = {f"s3://b/{folder}/{name}": 1 for folder in "az" for name in "bdfh"}
AFTER = {**BEFORE, "s3://b/z/b": 2, "s3://b/z/h": 2, "s3://b/a/b": 2, "s3://b/z/c": 1}
REVERTED = {path: min(version, 1) for path, version in AFTER.items()}
KEPT = 5


def found(bucket: Bucket) -> list[Remote]:
    return [
        Remote(path.encode(), root=number, address=parsed(path.encode()), size=9, tag=str(version))
        for number, root in enumerate(ROOTS)
        for path, version in sorted(bucket.items())
        if path.startswith(root)
    ]


def row_of(path: str, version: int) -> ScanRow:
    verdict = Verdict(VerdictLabel.REAL, version / 1000)
    return ScanRow(path, FileStatus.OK, verdict, 640, 480, "JPEG", 9)


def opened_file(out: Path, existing: Existing):
    return open_output(str(out), RowFormat.CSV, existing, is_shard=True, has_objects=True)


def opened_plain(out: Path, existing: Existing):
    return open_output(str(out), RowFormat.CSV, existing, has_objects=True)


def opened_folder(out: Path, existing: Existing):
    return open_parts(LocalFolder(str(out)), RowFormat.CSV, existing)


def merged_file(out: Path, to: Path) -> int:
    return merge_parts([str(out)], str(to), Existing.REPLACE)


def sorted_rows(out: Path, to: Path) -> None:
    """Write the rows of a finished file in one order; a file has them in that of several runs."""
    rows = finished_rows(str(out))
    to.write_bytes(b"".join(sorted(line for line, _ in rows.lines())))


def merged_folder(out: Path, to: Path) -> int:
    return merge_folder(LocalFolder(str(out)), str(to), Existing.REPLACE)


def scan(
    opened: Callable,
    out: Path,
    bucket: Bucket,
    existing: Existing = Existing.RESUME,
    stops_after: int | None = None,
    identity: RunIdentity = IDENTITY,
) -> None:
    """Scan as the command does, and stop like an interrupted one."""
    with opened(out, existing) as output:
        output.begin(identity)
        files = not_kept(found(bucket), output.kept(), output.is_outdated)
        for file in islice(files, stops_after):
            path = file.path.decode()
            output.write(row_of(path, bucket[path]), file.root, object_stamp(file))
        if stops_after is not None:
            raise KeyboardInterrupt
        output.drop_outdated()


def killed(work: Callable[[], None], step: int, folder: Path) -> bool:
    """Do work in a process that ends before one of its steps on the disk; return whether it did."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    steps = [step]

    def count() -> bool:
        steps[0] -= 1
        return steps[0] < 0

    def audit(event: str, arguments: tuple) -> None:
        if event not in ("open", "os.rename", "os.remove", "os.truncate"):
            return
        if (event == "os.truncate" or str(folder) in str(arguments[0])) and count():
            os._exit(7)

    def write(descriptor: int, data: bytes) -> int:
        if count():
            os.write(descriptor, bytes(data)[:9])
            os._exit(7)
        return os.write(descriptor, data)

    writer.os = SimpleNamespace(**{**vars(os), "write": write})
    sys.addaudithook(audit)
    try:
        work()
    except BaseException:  # noqa: BLE001 - the parent sees that it did not end well
        os._exit(8)
    os._exit(0)


def bytes_of(opened: Callable, merged: Callable, folder: Path, bucket: Bucket) -> bytes:
    """Return the rows of a scan that nothing disturbs."""
    scan(opened, folder / "fresh", bucket)
    merged(folder / "fresh", folder / "whole")
    return (folder / "whole").read_bytes()


@needs_fork
@pytest.mark.parametrize(
    ("opened", "merged", "kept", "then"),
    [
        (opened_plain, sorted_rows, KEPT, AFTER),
        (opened_plain, sorted_rows, len(BEFORE), REVERTED),
        (opened_file, merged_file, 0, AFTER),
        (opened_file, merged_file, KEPT, AFTER),
        (opened_folder, merged_folder, KEPT, AFTER),
    ],
)
def test_a_kill_at_any_step_leaves_what_goes_on_to_the_right_rows(
    opened, merged, kept, then, tmp_path, monkeypatch
):
    monkeypatch.setattr(parts_output, "_ROWS", 4)
    (tmp_path / "then").mkdir()
    whole = bytes_of(opened, merged, tmp_path, AFTER)
    whole_then = bytes_of(opened, merged, tmp_path / "then", then)
    step = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        out, result = folder / "rows.csv", folder / "all.csv"
        with pytest.raises(KeyboardInterrupt):
            scan(opened, out, BEFORE, stops_after=kept)
        if not killed(lambda out=out: scan(opened, out, AFTER), step, folder):
            break
        with suppress(InputError):
            merged(out, result)
            assert result.read_bytes() == whole, step
        # What is complete already cannot go on.
        expected = whole
        with suppress(OutputError):
            scan(opened, out, then)
            expected = whole_then
        merged(out, result)
        assert result.read_bytes() == expected, step
        step += 1
    assert step > 10


def opened_local(out: Path, existing: Existing):
    return open_output(str(out), RowFormat.CSV, existing)


@needs_fork
@pytest.mark.parametrize("stops_after", [3, None])
def test_a_kill_while_rows_are_replaced_mixes_no_two_scans(stops_after, tmp_path):
    scans = {version: RunIdentity({"model": version}) for version in (1, 2)}
    buckets = {version: dict.fromkeys(BEFORE, version) for version in scans}

    def versions(out: Path) -> set[str]:
        rows = list(finished_rows(str(out)))
        assert len(rows) == len(BEFORE)
        return {values[3] for values in rows}

    step = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        out = folder / "rows.csv"
        with nullcontext() if stops_after is None else pytest.raises(KeyboardInterrupt):
            scan(opened_local, out, buckets[1], stops_after=stops_after, identity=scans[1])
        new = (buckets[2], Existing.REPLACE, None, scans[2])
        if not killed(lambda out=out, new=new: scan(opened_local, out, *new), step, folder):
            break
        with suppress(InputError):
            assert len(versions(out)) == 1, step
        for version, identity in scans.items():
            copy = tmp_path / f"{step}-{version}"
            shutil.copytree(folder, copy)
            with suppress(OutputError):
                scan(opened_local, copy / "rows.csv", buckets[version], identity=identity)
                assert versions(copy / "rows.csv") == {f"{version / 1000:.6f}"}, step
        step += 1
    assert step > 10


@pytest.mark.parametrize("command", ["merge", "convert"])
def test_stamps_of_rows_that_are_gone_never_lie_beside_others(command, tmp_path, monkeypatch):
    part, out = tmp_path / "part.csv", tmp_path / "out.csv"
    scan(opened_file, part, BEFORE)
    with open_output(str(out), RowFormat.CSV, Existing.UPDATE) as output:
        output.begin(IDENTITY)
    assert (tmp_path / "out.csv.update").exists()

    def killed_at(_path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(whole_file, "sync_folder_of", killed_at)
    with pytest.raises(KeyboardInterrupt):
        if command == "merge":
            merge_parts([str(part)], str(out), Existing.REPLACE)
        else:
            convert_rows(str(part), str(out), Existing.REPLACE)
    assert len(list(finished_rows(str(out)))) == len(BEFORE)
    assert not (tmp_path / "out.csv.update").exists()
