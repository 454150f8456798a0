"""Scans of a store that speaks S3 by another program's reading of the protocol."""

import logging
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import obstore
import pytest
from in_process import trustthepixels
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from scanning import rows_of, run


@pytest.fixture
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # Its buckets outlive a server in the same process.
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", b"").close()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str) -> S3Store:
    # obstore makes no buckets.
    request = urllib.request.Request(f"{endpoint}/pictures", method="PUT")
    urllib.request.urlopen(request).close()
    return S3Store("pictures", endpoint=endpoint, client_options={"allow_http": True})


def test_rows_equal_those_of_the_same_pictures_on_disk(endpoint, bucket, examples, tiny_model):
    names = {
        path: f"{path.parent.name}/a b+c%20ü{path.name}"
        for path in sorted(examples.glob("*/*.*"))
        if path.suffix != ".md"
    }
    for path, name in names.items():
        obstore.put(bucket, name, path.read_bytes())
    code, _, errors = run(
        "s3://pictures/", "--endpoint", endpoint, "--model", tiny_model, "--out", "rows.csv"
    )
    assert code == 0, errors
    assert run(*names, "--model", tiny_model, "--out", "disk.csv")[0] == 0
    pairs = zip(rows_of("rows.csv"), rows_of("disk.csv"), strict=True)
    for stored, local in pairs:
        assert stored.pop("path").endswith(local.pop("path").rpartition("/")[2])
        assert stored == local


def test_rows_go_to_the_store_and_come_back(endpoint, bucket, examples, tiny_model):
    arguments = (examples, "--model", tiny_model)
    into = ("--endpoint", endpoint, "--out", "s3://pictures/rows")
    assert run(*arguments, *into)[0] == 0
    assert run(*arguments, *into)[0] == 2
    assert run(*arguments, *into, "--force")[0] == 0
    assert run(*arguments, "--out", "whole.csv")[0] == 0
    done = trustthepixels("merge", "s3://pictures/rows", *into[:2], "--out", "merged.csv")
    assert done.returncode == 0, done.stderr
    assert Path("merged.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_pages_follow_each_other_and_odd_keys_end_none(endpoint, bucket, examples, tiny_model):
    picture = (examples / "Real" / "coffee.jpg").read_bytes()
    names = [f"{number:04d}.jpg" for number in range(1002)]
    for name in names:
        obstore.put(bucket, name, b"x")
    for name in ("0500//é +.jpg", "0501/%01.jpg"):
        url = f"{endpoint}/pictures/{quote(name, safe='/%')}"
        headers = {"Content-Type": "image/jpeg"}
        request = urllib.request.Request(url, picture, headers, method="PUT")
        urllib.request.urlopen(request).close()
    code, _, errors = run(
        "s3://pictures/", "--endpoint", endpoint, "--model", tiny_model, "--out", "rows.csv"
    )
    assert code == 1, errors
    rows = {row["path"].removeprefix("s3://pictures/"): row["status"] for row in rows_of()}
    assert sorted(rows) == sorted([*names, "0500//é +.jpg", "0501/\\x01.jpg"])
    assert [name for name, status in rows.items() if status == "ok"] == [
        "0500//é +.jpg",
        "0501/\\x01.jpg",
    ]
