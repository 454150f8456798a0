"""``scan-folder --out s3://BUCKET/PREFIX``: parts, a manifest, and the rows of a scan to a file."""

import json
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from in_process import trustthepixels
from scanning import run, search_first, start

from benchmarks.inputs.object_server import closed, denied, failure, sound, throttled

OUT = "s3://pictures/rows"


@pytest.fixture
def scan(store, tiny_model):
    """Scan the bucket into a prefix of it; returns standard error."""
    endpoint = ("--endpoint", store[2].url)

    def scanned(*options: str, out: str = OUT, code: int = 0):
        ended, _, errors = run(
            "s3://pictures/", *endpoint, "--model", tiny_model, "--out", out, *options
        )
        assert ended == code, errors
        return errors

    return scanned


@pytest.fixture
def merged(store):
    """Merge the rows below the prefix; returns the bytes."""

    def merge(out: str = OUT) -> bytes:
        done = trustthepixels(
            "merge", out, "--endpoint", store[2].url, "--out", "merged", "--force"
        )
        assert done.returncode == 0, done.stderr
        return Path("merged").read_bytes()

    return merge


@pytest.fixture
def small_parts(tmp_path_factory) -> str:
    """A ``PYTHONPATH`` that has parts of three rows."""
    return with_site(tmp_path_factory.mktemp("small"), "")


def with_site(folder: Path, script: str) -> str:
    (folder / "sitecustomize.py").write_text(
        "from trustthepixels.infer.output.parts import parts_output\n"
        "parts_output._ROWS = 3\n" + script
    )
    return search_first(folder)


@pytest.fixture
def killed_after(tmp_path_factory):
    """Return a ``PYTHONPATH`` that has the process killed with the row that follows."""

    def path_of(rows: int) -> str:
        return with_site(
            tmp_path_factory.mktemp("killer"),
            "import os, signal\n"
            f"real, room = parts_output.PartsOutput.write, [{rows}]\n"
            "def write(*arguments):\n"
            "    if not room[0]:\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "    room[0] -= 1\n"
            "    real(*arguments)\n"
            "parts_output.PartsOutput.write = write\n",
        )

    return path_of


def names(store) -> list[str]:
    return sorted(key.removeprefix("rows/") for key in store[0].contents if "rows/" in key)


@pytest.mark.parametrize("options", [(), ("--format", "jsonl"), ("--provenance",)])
def test_the_parts_merge_to_the_bytes_of_a_scan_to_a_file(
    store, scan, merged, small_parts, monkeypatch, options
):
    monkeypatch.setenv("PYTHONPATH", small_parts)
    scan(*options)
    scan(*options, out="whole")
    assert merged() == Path("whole").read_bytes()
    manifest, *parts, identity = names(store)
    suffix = "jsonl" if "jsonl" in options else "csv"
    pattern = rf"part-000000-00000\d-[0-9a-f]{{8}}-001\.{suffix}"
    assert len(parts) == 3
    assert all(re.fullmatch(pattern, part) for part in parts)
    assert (manifest, identity) == ("manifest.json", "run.json")
    content = json.loads(store[0].contents["rows/manifest.json"])
    assert (content["complete"], content["rows"], content["statuses"]) == (True, 9, {"ok": 9})
    assert [part["name"] for part in content["parts"]] == parts


def test_many_roots_share_parts_and_keep_their_order(store, merged, tiny_model, examples):
    paths = ["s3://pictures/coffee.jpg", str(examples / "AI"), "s3://pictures/", str(examples)]
    arguments = [*paths, "--endpoint", store[2].url, "--model", tiny_model]
    assert run(*arguments, "--out", OUT)[0] == 0
    assert run(*arguments, "--out", "whole")[0] == 0
    assert merged() == Path("whole").read_bytes()
    assert len(names(store)) == 3


def test_a_killed_scan_goes_on(store, scan, merged, killed_after, small_parts, monkeypatch):
    for rows in (4, 3):
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", killed_after(rows))
            scan("--resume", code=-signal.SIGKILL)
    assert "did not end" in refusal(store)
    assert "(6 done before)" in scan("--resume")
    scan(out="whole")
    assert merged() == Path("whole").read_bytes()
    assert "is complete" in scan("--resume", code=2)


def refusal(store) -> str:
    done = trustthepixels("merge", OUT, "--endpoint", store[2].url, "--out", "refused")
    assert done.returncode == 2
    assert not Path("refused").exists()
    return done.stderr


def test_an_object_that_changed_before_the_scan_went_on_has_one_row(
    store, pictures, scan, merged, killed_after, monkeypatch
):
    objects, _, _ = store
    objects.contents["broken.jpg"] = b"no picture"
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", killed_after(8))
        scan("--resume", code=-signal.SIGKILL)
    objects.contents["broken.jpg"] = pictures["coffee.jpg"]
    objects.contents["new.jpg"] = pictures["coffee.jpg"]
    assert "0 failed" in scan("--resume")
    scan(out="whole")
    assert merged() == Path("whole").read_bytes()


def test_an_object_that_changed_has_one_row_though_its_prefix_moved_in_the_list(
    store, pictures, merged, killed_after, tiny_model, monkeypatch
):
    objects, _, server = store
    for key in ("new/a.jpg", *(f"old/{name}.jpg" for name in "abcd")):
        objects.contents[key] = pictures["coffee.jpg"]
    arguments = ("--files-from", "list", "--endpoint", server.url, "--model", tiny_model)
    Path("list").write_text("s3://pictures/old/\n")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", killed_after(3))
        assert run(*arguments, "--out", OUT)[0] == -signal.SIGKILL
    Path("list").write_text("s3://pictures/new/\ns3://pictures/old/\n")
    objects.contents["old/b.jpg"] = b"no picture"
    code, _, errors = run(*arguments, "--out", OUT, "--resume")
    assert (code, "5 files (2 done before)" in errors) == (1, True), errors
    assert run(*arguments, "--out", "whole")[0] == 1
    assert sorted(merged().splitlines()) == sorted(Path("whole").read_bytes().splitlines())


def test_an_interrupted_scan_leaves_its_rows(store, tiny_model, merged, scan):
    objects, faults, server = store
    last = max(objects.contents)
    faults.changes[last] = [closed]
    with start(
        "s3://pictures/", "--endpoint", server.url, "--model", tiny_model, "--out", OUT
    ) as process:
        until(lambda: objects.requests > len(objects.contents) + 4)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert b"go on with --resume" in errors
    assert [name[:4] for name in names(store)] == ["part", "run."]
    faults.changes.clear()
    scan("--resume")
    scan(out="whole")
    assert merged() == Path("whole").read_bytes()


def until(is_so) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_rows_that_are_there_stay_until_they_are_replaced(store, pictures, scan, merged):
    objects, _, _ = store
    scan()
    old = {key: objects.contents[key] for key in objects.contents if key.startswith("rows/")}
    assert "holds the rows of a scan" in scan(code=2)
    assert old.items() <= objects.contents.items()
    del objects.contents["coffee.jpg"]
    scan("--force", "--model", "no-such-model.onnx", code=3)
    assert old.items() <= objects.contents.items()
    assert b"coffee.jpg" in merged()
    scan("--force")
    scan(out="whole")
    assert merged() == Path("whole").read_bytes()
    assert len(names(store)) == 3


def test_other_options_do_not_go_on_with_a_run(store, scan, killed_after, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", killed_after(4))
        scan(code=-signal.SIGKILL)
    before = dict(store[0].contents)
    assert "continue it with --resume" in scan(code=2)
    assert "--format was csv" in scan("--resume", "--format", "jsonl", code=2)
    assert "thresholds" in scan("--resume", "--threshold", "0.5", code=2)
    assert store[0].contents == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--update",), "--update needs --out with a file"),
        (("--report", "page.html"), "it needs --out with a file"),
        (("--shard", "1/2"), "--shard needs --out with a file"),
        (("--excel",), "--excel needs --out with a file"),
    ],
)
def test_what_needs_a_file_is_refused(store, scan, options, words):
    errors = scan(*options, code=2)
    assert words in errors
    assert errors.count("\n") == 1
    assert names(store) == []


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("s3://nosuchbucket/rows", "no such bucket"),
        ("https://127.0.0.1:1/rows", "a web server takes no rows"),
        ("s3:///rows", "no bucket"),
    ],
)
def test_an_output_that_cannot_be_is_one_line_before_the_model(scan, out, words):
    errors = scan("--model", "no-such-model.onnx", out=out, code=2)
    assert words in errors
    assert errors.count("\n") == 1


def test_credentials_that_may_only_read_are_one_line_before_the_model(store, scan):
    faults = store[1]
    faults.changes["rows/run.json"] = [sound, sound, denied]
    errors = scan("--model", "no-such-model.onnx", code=2)
    assert re.fullmatch(r"error: cannot write to s3://pictures/rows/: .*denies access.*\n", errors)


def test_a_scan_that_fails_at_once_leaves_nothing(store, scan):
    scan("--model", "no-such-model.onnx", code=3)
    assert names(store) == []


def test_a_store_that_is_gone_for_good_ends_the_scan_and_keeps_its_parts(
    store, scan, merged, small_parts, monkeypatch
):
    _, _, server = store
    real, count = server.answer, [0]

    async def answer(request):
        count[0] += request.method == "PUT"
        reply = await real(request)
        return failure(500, "InternalError") if count[0] > 4 and request.method == "PUT" else reply

    monkeypatch.setenv("PYTHONPATH", small_parts)
    server.answer = answer
    errors = scan("--timeout", "2", code=2)
    assert "cannot write to s3://pictures/rows/: the store does not answer" in errors
    assert "go on with --resume" in errors
    server.answer = real
    scan("--timeout", "2", "--resume")
    scan("--timeout", "2", out="whole")
    assert merged() == Path("whole").read_bytes()


def test_an_output_that_stumbles_costs_nothing(store, scan, merged):
    _, faults, _ = store
    for name in ("rows/run.json", "rows/manifest.json"):
        faults.changes[name] = [throttled, closed, sound]
    scan()
    assert merged()


def test_files_of_this_machine_go_on_too(
    store, merged, killed_after, tiny_model, examples, monkeypatch
):
    arguments = [str(examples), "--model", tiny_model]
    into_store = [*arguments, "--endpoint", store[2].url, "--out", OUT]
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", killed_after(7))
        assert run(*into_store)[0] == -signal.SIGKILL
    assert run(*into_store, "--resume")[0] == 0
    assert run(*arguments, "--out", "whole")[0] == 0
    assert merged() == Path("whole").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("out", [OUT, "rows.csv"])
def test_kills_at_twenty_random_moments_cost_no_row(
    store, tiny_model, pictures, merged, small_parts, monkeypatch, out
):
    objects, _, server = store
    names = list(pictures)
    for number in range(60):
        objects.contents[f"z/{number:02}.jpg"] = pictures[names[number % len(names)]]
    objects.latency_s = 0.02
    options = ("s3://pictures/", "--endpoint", server.url, "--model", tiny_model)
    monkeypatch.setenv("PYTHONPATH", small_parts)
    moments = random.Random(0)
    kills, policy = 0, "--force"
    while kills < 20:
        with start(*options, "--out", out, policy) as process:
            try:
                _, errors = process.communicate(timeout=moments.uniform(0.3, 3))
                # The last one can have been killed after its last step.
                assert process.returncode == 0 or b"it is complete" in errors
                policy = "--force"
            except subprocess.TimeoutExpired:
                process.kill()
                kills, policy = kills + 1, "--resume"
    assert run(*options, "--out", out, "--resume")[0] in (0, 2)
    assert run(*options, "--out", "whole")[0] == 0
    assert (merged() if out == OUT else Path(out).read_bytes()) == Path("whole").read_bytes()
