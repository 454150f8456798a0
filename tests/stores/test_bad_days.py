"""Stores that cannot be used, stumble or die: outputs stay as they were, and rows come whole."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scanning import rows_of, run

from benchmarks.inputs.object_server import (
    Objects,
    closed,
    cut,
    denied,
    failure,
    served,
    sound,
    throttled,
)


def without_extra() -> str:
    """A ``PYTHONPATH`` with which obstore is not installed."""
    folder = Path("no-extra").absolute()
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['obstore'] = None\n")
    return str(folder)


@pytest.mark.parametrize("policy", ["--force", "--resume", "--update"])
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("bucket", "no such bucket"),
        ("region", "--region"),
        ("credentials", "no credentials"),
        ("access", "denies access"),
        ("extra", "trustthepixels[stores]"),
    ],
)
def test_bad_input_leaves_what_is_there_as_it_was(store, monkeypatch, policy, trouble, words):
    _, faults, server = store
    before = {"rows.csv": b"old rows", "rows.csv.update": b"old stamps"}
    for name, content in before.items():
        Path(name).write_bytes(content)
    if trouble == "region":
        faults.everything = lambda _reply: failure(301, "PermanentRedirect")
    if trouble == "access":
        faults.everything = denied
    if trouble == "credentials":
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        # Nobody there gives credentials to machines.
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    if trouble == "extra":
        monkeypatch.setenv("PYTHONPATH", without_extra())
    address = "s3://nosuchbucket/" if trouble == "bucket" else "s3://pictures/"
    options = ("--endpoint", server.url, "--model", "none.onnx", "--timeout", "1", policy)
    code, _, errors = run(address, *options, "--out", "rows.csv")
    assert (code, errors.count("\n")) == (2, 1), errors
    assert words in errors
    assert {path.name: path.read_bytes() for path in Path().glob("rows*")} == before


def test_every_request_is_repeated(store, tiny_model, pictures):
    objects, faults, server = store
    hold = [throttled, closed, throttled, sound]
    faults.changes = {name: list(hold) for name in ["", *pictures]}
    for name in ("rows/run.json", "rows/manifest.json"):
        faults.changes[name] = list(hold)
    options = ("--endpoint", server.url, "--model", tiny_model)
    assert run("s3://pictures/", *options, "--out", "rows.csv")[0] == 0
    faults.changes = {name: [throttled, cut, sound] for name in pictures}
    assert run("s3://pictures/", *options, "--out", "s3://pictures/rows")[0] == 0
    assert [row["status"] for row in rows_of()] == ["ok"] * len(pictures)
    assert "rows/manifest.json" in objects.contents


def test_a_server_that_dies_in_a_scan_and_comes_back_costs_no_row(store, tiny_model, pictures):
    objects, _, server = store
    objects.latency_s = 0.1
    for number in range(60):
        objects.contents[f"z{number:02}.jpg"] = pictures["coffee.jpg"]

    def outage() -> None:
        while objects.requests < 40:
            time.sleep(0.01)
        server.die()
        time.sleep(1)
        server.come_back()

    thread = threading.Thread(target=outage)
    thread.start()
    code, _, errors = run(
        "s3://pictures/", "--endpoint", server.url, "--model", tiny_model, "--out", "rows.csv"
    )
    thread.join()
    assert code == 0, errors
    assert [row["path"].removeprefix("s3://pictures/") for row in rows_of()] == sorted(
        objects.contents
    )


PEAK = """
import resource, sys
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.stores.options import StoreOptions
from trustthepixels.infer.stores.source import AnyFiles
from trustthepixels.infer.stores.stores import Stores
source = AnyFiles([b"s3://pictures/"], WalkOptions(), None, Stores(StoreOptions(sys.argv[1])))
print(sum(1 for _ in source.find()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_of_a_listing_does_not_grow_with_it():
    peaks = []
    for count in (10_000, 100_000):
        objects = Objects({f"{number:06d}.jpg": b"x" for number in range(count)})
        with served(objects.answer) as server:
            command = [sys.executable, "-c", PEAK, server.url]
            found, peak = subprocess.run(command, capture_output=True, check=True).stdout.split()
        assert int(found) == count
        peaks.append(int(peak))
    # In KiB; 90,000 keys held would take some 30 MB.
    assert peaks[1] - peaks[0] < 8 << 10
