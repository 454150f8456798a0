"""``gs://`` and ``az://``: pictures come from there, and rows go there."""

import base64
import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import obstore
import pytest
from in_process import trustthepixels
from obstore.store import AzureStore
from scanning import rows_of, run

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Account and key that every Azurite has; they protect nothing."""

AZURITE = "azurite@3.35.0"


def assert_goes_both_ways(
    scheme: str, endpoint: tuple[str, ...], model: Path, folder: Path
) -> None:
    """Scan a store and a folder with the same pictures, into files and into the store."""
    options = (*endpoint, "--model", model)
    code, _, errors = run(f"{scheme}://pictures/p", *options, "--out", "stored.csv")
    assert code == 0, errors
    assert run(folder, *options, "--out", "disk.csv")[0] == 0
    for stored, disk in zip(rows_of("stored.csv"), rows_of("disk.csv"), strict=True):
        assert stored.pop("path").rpartition("/")[2] == disk.pop("path").rpartition("/")[2]
        assert stored == disk
    into = ("--out", f"{scheme}://pictures/rows")
    assert run(folder, *options, *into)[0] == 0
    assert "holds the rows of a scan" in run(folder, *options, *into)[2]
    assert run(folder, *options, *into, "--force")[0] == 0
    done = trustthepixels("merge", into[1], *endpoint, "--out", "merged.csv")
    assert done.returncode == 0, done.stderr
    assert Path("merged.csv").read_bytes() == Path("disk.csv").read_bytes()
    missing = f"{scheme}://nosuchbucket/"
    for arguments in ((missing, "--out", "x.csv"), (folder, "--out", missing)):
        code, _, errors = run(*arguments, *endpoint)
        assert (code, "no such bucket" in errors, errors.count("\n")) == (2, True, 1)


def test_google(store, tiny_model, examples, monkeypatch):
    objects, _, server = store
    for name in list(objects.contents):
        objects.contents[f"p/{name}"] = objects.contents.pop(name)
    key = {"gcs_base_url": server.url, "disable_oauth": True}
    key |= {"client_email": "", "private_key": "", "private_key_id": ""}
    Path("key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", "key.json")
    assert_goes_both_ways("gs", (), tiny_model, examples / "Real")


@pytest.fixture
def azurite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of Microsoft's emulator, from the registry of npm."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    subprocess.run(["npm", "install", "--prefix", tmp_path / "npm", AZURITE], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [tmp_path / "npm/node_modules/.bin/azurite-blob", "--inMemoryPersistence"]
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--blobPort", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            while b"successfully listens" not in process.stdout.readline():
                assert process.poll() is None
            monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
            monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
            yield f"http://127.0.0.1:{port}/{ACCOUNT}"
        finally:
            process.terminate()


def make_container(endpoint: str, name: str) -> None:
    date, version = formatdate(usegmt=True), "2021-08-06"
    signed = f"x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}/{name}\n"
    text = f"PUT{chr(10) * 12}{signed}restype:container"
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    headers = {"x-ms-date": date, "x-ms-version": version, "Content-Length": "0"}
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    url = f"{endpoint}/{name}?restype=container"
    urllib.request.urlopen(urllib.request.Request(url, headers=headers, method="PUT")).close()


@pytest.mark.slow
def test_azure(azurite, pictures, tiny_model, examples):
    make_container(azurite, "pictures")
    container = AzureStore(
        "pictures", config={"endpoint": azurite}, client_options={"allow_http": True}
    )
    for name, content in pictures.items():
        obstore.put(container, f"p/é +%20{name}", content)
    folder = Path("disk")
    folder.mkdir()
    for name, content in pictures.items():
        (folder / f"é +%20{name}").write_bytes(content)
    assert_goes_both_ways("az", ("--endpoint", azurite), tiny_model, folder)
