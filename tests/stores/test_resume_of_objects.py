"""``--resume`` of objects: what changed since its row was written is scanned again."""

import signal
from pathlib import Path

import pytest
from in_process import trustthepixels
from scanning import killer, rows_of, run, search_first


@pytest.fixture
def scan(store, tiny_model):
    """Scan the bucket; with ``killed_after`` the process is killed in the row that follows."""

    def scanned(*options: str, out: str = "rows.csv", killed_after: int = -1, code: int = 0):
        arguments = ["s3://pictures/", "--endpoint", store[2].url, "--model", tiny_model]
        with pytest.MonkeyPatch.context() as patch:
            if killed_after >= 0:
                patch.setenv("PYTHONPATH", search_first(killer(killed_after)))
            ended, _, errors = run(*arguments, "--out", out, *options)
        assert ended == (code if killed_after < 0 else -signal.SIGKILL), errors
        return errors

    return scanned


def contents_by_path(path: str = "rows.csv") -> dict[str, tuple[str, ...]]:
    rows = rows_of(path)
    found = {row["path"]: tuple(row.values()) for row in rows}
    assert len(found) == len(rows)
    return found


def test_an_object_that_changed_has_the_row_of_its_newest_content(store, pictures, scan):
    objects, _, _ = store
    scan(killed_after=4)
    names = sorted(objects.contents)
    objects.contents[names[1]] = pictures[names[-1]]
    errors = scan("--resume")
    assert f"{len(pictures)} files (3 done before)" in errors
    assert sorted(path.name for path in Path().glob("rows*")) == ["rows.csv"]
    scan(out="fresh.csv")
    assert contents_by_path() == contents_by_path("fresh.csv")


def test_a_row_is_replaced_once_however_often_the_scan_is_killed(store, pictures, scan):
    objects, _, _ = store
    names = sorted(objects.contents)
    scan(killed_after=4)
    objects.contents[names[1]] = pictures[names[5]]
    scan("--resume", killed_after=2)
    objects.contents[names[1]] = pictures[names[6]]
    objects.contents[names[2]] = b"no picture"
    assert "1 failed" in scan("--resume", code=1)
    scan(out="fresh.csv", code=1)
    assert contents_by_path() == contents_by_path("fresh.csv")


def test_a_failed_row_that_was_replaced_is_no_failure(store, pictures, scan):
    objects, _, _ = store
    name = min(objects.contents)
    sound = objects.contents[name]
    objects.contents[name] = b"no picture"
    scan(killed_after=3)
    objects.contents[name] = sound
    scan("--resume")
    assert {row["status"] for row in rows_of()} == {"ok"}


def test_a_shard_keeps_its_record_in_step(store, pictures, scan):
    objects, _, _ = store
    scan("--shard", "1/1", killed_after=4)
    names = sorted(objects.contents)
    objects.contents[names[0]] = pictures[names[1]]
    scan("--shard", "1/1", "--resume")
    assert sorted(path.name for path in Path().glob("rows*")) == ["rows.csv", "rows.csv.shard"]
    assert trustthepixels("merge", "rows.csv", "--out", "all.csv").returncode == 0
    scan(out="fresh.csv")
    assert contents_by_path("all.csv") == contents_by_path("fresh.csv")


def test_an_unchanged_bucket_costs_no_second_request(store, scan):
    objects, _, _ = store
    scan(killed_after=4)
    before = objects.requests
    scan("--resume")
    # Two listings, the check's and the walk's, and the objects without a row.
    assert objects.requests - before == 2 + len(objects.contents) - 4
