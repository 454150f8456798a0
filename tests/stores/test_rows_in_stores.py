"""Rows in parts below a prefix of a store."""

import pytest

from benchmarks.inputs.object_server import closed, denied, throttled
from trustthepixels.infer.errors import InputError, OutputError
from trustthepixels.infer.output.parts.folder import RowsFolder
from trustthepixels.infer.stores.options import StoreOptions
from trustthepixels.infer.stores.rows_folder import rows_folder


def folder_at(server, address: str = "s3://pictures/rows") -> RowsFolder:
    return rows_folder(address, StoreOptions(server.url), 1)


def test_a_prefix_is_a_folder_of_files(store):
    objects, _, server = store
    objects.contents |= {"rows/deep/x": b"1", "rows2": b"1"}
    folder = folder_at(server)
    assert (list(folder.names()), folder.read("a")) == ([], None)
    folder.create("b", b"1")
    folder.create("b", b"1")
    with pytest.raises(OutputError, match="another scan has just written it"):
        folder.create("b", b"2")
    folder.put("b", b"3")
    folder.put("a", b"4")
    assert (list(folder.names()), folder.read("b")) == (["a", "b"], b"3")
    folder.remove("a")
    folder.remove("a")
    assert list(folder.names()) == ["b"]
    assert objects.contents["rows/b"] == b"3"


@pytest.mark.parametrize("fault", [denied, closed, throttled])
def test_a_store_that_refuses_is_a_typed_error(store, fault):
    _, faults, server = store
    faults.everything = fault
    folder = folder_at(server)
    for work in (lambda: folder.put("a", b"1"), lambda: folder.create("a", b"1")):
        with pytest.raises(OutputError, match=r"cannot write to s3://pictures/rows/: the store"):
            work()
    for read in (lambda: folder.read("a"), lambda: list(folder.names())):
        with pytest.raises(InputError, match="the store"):
            read()


def test_a_bucket_that_is_not_there_is_no_empty_folder(store):
    folder = folder_at(store[2], "s3://nosuchbucket/rows")
    for read in (lambda: folder.read("a"), lambda: list(folder.names())):
        with pytest.raises(InputError, match="no such bucket"):
            read()


def test_an_answer_that_was_lost_is_no_other_scan(store):
    _, faults, server = store
    faults.changes["rows/a"] = [closed, lambda reply: reply]
    folder_at(server).create("a", b"1")


@pytest.mark.parametrize("address", ["http://host/rows", "https://host/rows", "s3://"])
def test_what_takes_no_rows_is_refused(address):
    with pytest.raises((OutputError, InputError)):
        rows_folder(address, StoreOptions(), 1)
