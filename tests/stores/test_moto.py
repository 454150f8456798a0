"""Scans of a store that speaks S3 by another program's reading of the protocol."""

import logging
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from scanning import rows_of, run


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.chdir(tmp_path)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_rows_equal_those_of_the_same_pictures_on_disk(endpoint, examples, tiny_model):
    store = S3Store("pictures", endpoint=endpoint, client_options={"allow_http": True})
    # obstore makes no buckets.
    request = urllib.request.Request(f"{endpoint}/pictures", method="PUT")
    urllib.request.urlopen(request).close()
    names = {
        path: f"{path.parent.name}/a b+c%20ü{path.name}"
        for path in sorted(examples.glob("*/*.*"))
        if path.suffix != ".md"
    }
    for path, name in names.items():
        obstore.put(store, name, path.read_bytes())
    code, _, errors = run(
        "s3://pictures/", "--endpoint", endpoint, "--model", tiny_model, "--out", "rows.csv"
    )
    assert code == 0, errors
    assert run(*names, "--model", tiny_model, "--out", "disk.csv")[0] == 0
    pairs = zip(rows_of("rows.csv"), rows_of("disk.csv"), strict=True)
    for stored, local in pairs:
        assert stored.pop("path").endswith(local.pop("path").rpartition("/")[2])
        assert stored == local
