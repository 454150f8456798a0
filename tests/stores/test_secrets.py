"""Credentials are in no output: neither of environment variables, nor of addresses."""

import os
import signal
from pathlib import Path

import pytest
from scanning import killer, run, search_first
from store_credentials import CREDENTIALS, SECRET

from benchmarks.inputs.object_server import denied, failure, throttled

HIDDEN = (SECRET, CREDENTIALS["AWS_ACCESS_KEY_ID"])


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that can, tell all that they do."""
    monkeypatch.setenv("RUST_LOG", "trace")
    monkeypatch.setenv("RUST_BACKTRACE", "full")
    monkeypatch.setenv("PYTHONWARNINGS", "always")


def assert_hidden(*texts: str | bytes) -> None:
    written = [path.read_bytes() for path in Path().rglob("*") if path.suffix in FILES]
    assert written
    for text in [*texts, *written]:
        content = text if isinstance(text, bytes) else text.encode()
        assert all(hidden.encode() not in content for hidden in HIDDEN)


FILES = {".csv", ".resume", ".update", ".shard", ".jsonl"}


def signed(server, key: str = "coffee.jpg") -> str:
    address = server.url.replace("://", f"://user:{SECRET}@")
    return f"{address}/pictures/{key}?X-Amz-Signature={SECRET}&id=3"


@pytest.mark.parametrize("options", [(), ("--update",), ("--shard", "1/1"), ("--format", "jsonl")])
@pytest.mark.parametrize("rows", [3, 99])
def test_no_file_beside_the_rows_holds_a_secret(store, tiny_model, monkeypatch, options, rows):
    _, _, server = store
    monkeypatch.setenv("PYTHONPATH", search_first(killer(rows)))
    out = "rows.jsonl" if "jsonl" in options else "rows.csv"
    arguments = (signed(server), "s3://pictures/", "--endpoint", server.url, "--out", out)
    code, output, errors = run(*arguments, "--model", tiny_model, *options)
    assert code == (0 if rows == 99 else -signal.SIGKILL), errors
    assert_hidden(output, errors)


def test_rows_in_a_store_hold_no_secret(store, tiny_model):
    objects, _, server = store
    into = ("--endpoint", server.url, "--out", "s3://pictures/rows")
    code, output, errors = run(
        signed(server), "s3://pictures/", *into, "--model", tiny_model, "--provenance"
    )
    assert code == 0, errors
    written = [content for key, content in objects.contents.items() if key.startswith("rows/")]
    assert len(written) == 3
    Path("none.csv").touch()
    assert_hidden(output, errors, *written)


def with_code(status: int, code: str):
    return lambda _reply: failure(status, code)


@pytest.mark.parametrize(
    "fault",
    [denied, throttled, with_code(301, "PermanentRedirect"), with_code(400, "ExpiredToken")],
)
@pytest.mark.parametrize("place", ["paths", "list", "out"])
def test_no_message_holds_a_secret(store, tiny_model, fault, place, examples):
    _, faults, server = store
    faults.everything = fault
    Path("list.csv").write_text("")
    Path("files").write_text(f"{signed(server)}\n")
    paths = {
        "paths": (signed(server), "--out", "rows.csv"),
        "list": ("--files-from", "files", "--out", "rows.csv"),
        "out": (str(examples), "--out", "s3://pictures/rows"),
    }[place]
    code, output, errors = run(
        *paths, "--endpoint", server.url, "--model", tiny_model, "--timeout", "1"
    )
    assert code in (1, 2, 5)
    assert_hidden(output, errors)


@pytest.mark.parametrize(
    "address",
    [f"https:///?sig={SECRET}", os.fsdecode(f"https://u:{SECRET}@h/".encode() + b"\xff")],
)
def test_an_address_that_is_none_is_not_repeated(address):
    Path("none.csv").touch()
    code, _, errors = run(address, "--out", "rows.csv")
    assert code == 2
    assert_hidden(errors)
    code, _, errors = run("x", "--out", address)
    assert code == 2
    assert_hidden(errors)
