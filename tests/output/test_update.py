"""``--update``: sound rows of unchanged files are taken over, everything else is scanned again."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from trustthepixels.infer.choices import Existing, RowFormat
from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.output.output import open_output
from trustthepixels.infer.output.run_identity import RunIdentity
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.scan.update import Update, not_kept, stamp_of
from trustthepixels.infer.system.signals import Interrupted

IDENTITY = RunIdentity({"model": "tiny", "paths": ["photos"]})
LONG_AGO = 10**18


def change(path: Path, content: bytes, time: int = LONG_AGO) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(time, time))


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output beside three pictures, of which the second fails."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "bad.jpg", "c=1,é.jpg"):
        change(Path("photos", name), name.encode())
    return tmp_path / "rows"


def photos() -> list[bytes]:
    return [os.fsencode(path) for path in sorted(Path("photos").iterdir())]


def judged(path: bytes) -> ScanRow:
    """A row that tells the content of its file."""
    content = Path(os.fsdecode(path)).read_bytes()
    if path.endswith(b"bad.jpg"):
        return ScanRow(os.fsdecode(path), FileStatus.CORRUPT, error="bad")
    verdict = Verdict(VerdictLabel.REAL, len(content) / 1000)
    return ScanRow(os.fsdecode(path), FileStatus.OK, verdict, 640, 480, "JPEG", len(content))


def scan(
    out: Path,
    existing: Existing = Existing.UPDATE,
    row_format: RowFormat = RowFormat.CSV,
    identity: RunIdentity = IDENTITY,
    interrupted_after: int | None = None,
    files: Iterable[bytes] | None = None,
) -> list[str]:
    """Scan as the command does; returns the names of the files that had to be read."""
    scanned = []
    with open_output(str(out), row_format, existing) as output:
        output.begin(identity)
        update = Update(output.earlier)
        found = not_kept(map(Found, photos() if files is None else files), output.kept())
        for number, file in enumerate(update.marked(found)):
            if number == interrupted_after:
                raise Interrupted(2)
            if file.known is None:
                scanned.append(Path(os.fsdecode(file.path)).name)
            output.write(file.known or judged(file.path), stamp=update.next_stamp())
    return scanned


def whole(out: Path, row_format: RowFormat = RowFormat.CSV) -> bytes:
    """Return the output of a scan from the beginning."""
    fresh = out.with_name("fresh")
    scan(fresh, Existing.REFUSE, row_format)
    content = fresh.read_bytes()
    fresh.unlink()
    return content


BOTH = pytest.mark.parametrize("row_format", list(RowFormat))


@BOTH
def test_a_missing_output_is_begun_and_then_only_failures_are_scanned_again(out, row_format):
    assert len(scan(out, row_format=row_format)) == 3
    assert sorted(path.name for path in out.parent.iterdir()) == ["photos", "rows", "rows.update"]
    first = out.read_bytes()
    for _ in range(2):
        assert scan(out, row_format=row_format) == ["bad.jpg"]
        assert out.read_bytes() == first == whole(out, row_format)


@BOTH
def test_new_changed_and_removed_files_give_the_rows_of_a_fresh_scan(out, row_format):
    scan(out, row_format=row_format)
    change(Path("photos/a.jpg"), b"a.jpX")
    change(Path("photos/0.jpg"), b"new")
    Path("photos/bad.jpg").unlink()
    assert scan(out, row_format=row_format) == ["0.jpg"]
    change(Path("photos/a.jpg"), b"longer content")
    assert scan(out, row_format=row_format) == ["a.jpg"]
    change(Path("photos/a.jpg"), b"LONGER CONTENT", LONG_AGO + 1)
    assert scan(out, row_format=row_format) == ["a.jpg"]
    assert out.read_bytes() == whole(out, row_format)


def test_a_file_that_has_just_changed_is_scanned_once_more(out):
    Path("photos/a.jpg").touch()
    assert stamp_of(Found(b"photos/a.jpg")) is None
    scan(out)
    assert scan(out) == ["a.jpg", "bad.jpg"]


def test_other_folders_of_the_same_judge_keep_their_rows_and_another_judge_begins_anew(out):
    scan(out)
    more = RunIdentity({"model": "tiny", "paths": ["photos", "more"]})
    assert scan(out, identity=more) == ["bad.jpg"]
    other = RunIdentity({"model": "large", "paths": ["photos"]})
    assert len(scan(out, identity=other)) == 3
    assert scan(out, identity=other) == ["bad.jpg"]


def test_an_output_that_was_not_written_with_update_begins_anew(out):
    scan(out, Existing.REFUSE)
    with open_output(str(out), RowFormat.CSV, Existing.UPDATE) as output:
        output.begin(IDENTITY)
        assert "not written with --update" in output.starts_anew
    assert len(scan(out)) == 3


def test_a_run_without_update_takes_the_state_away(out):
    scan(out)
    change(Path("photos/a.jpg"), b"other")
    scan(out, Existing.REPLACE, identity=RunIdentity({"model": "large"}))
    assert not Path(f"{out}.update").exists()
    assert len(scan(out)) == 3


@pytest.mark.parametrize("rows", range(4))
def test_an_interrupted_update_goes_on_and_the_old_output_stays_until_it_ends(out, rows):
    scan(out)
    old = out.read_bytes()
    change(Path("photos/a.jpg"), b"longer content")
    with pytest.raises(Interrupted):
        scan(out, interrupted_after=rows, files=[*photos(), b"photos/end.jpg"])
    assert out.read_bytes() == old
    assert scan(out) == ["a.jpg", "bad.jpg"][rows:]
    assert out.read_bytes() == whole(out)
    assert scan(out) == ["bad.jpg"]


def test_an_interrupted_first_scan_goes_on_in_place(out):
    with pytest.raises(Interrupted):
        scan(out, interrupted_after=1)
    assert scan(out) == ["bad.jpg", "c=1,é.jpg"]
    assert out.read_bytes() == whole(out)
    assert scan(out) == ["bad.jpg"]


@pytest.mark.parametrize("tail", [b"torn", b""])
def test_a_torn_or_emptied_state_only_costs_time(out, tail):
    scan(out)
    state = Path(f"{out}.update")
    state.write_bytes(state.read_bytes()[:-7] + tail if tail else b"")
    scan(out)
    assert out.read_bytes() == whole(out)


def test_an_output_that_is_not_ours_stays(out):
    scan(out)
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="does not hold rows of this version"):
        scan(out)
    assert out.read_bytes() == b"precious"
