"""Prefixes and objects that overlap: those that a walk finds in the same folders of a disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.inputs.object_server import Objects, Server, served
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.files.walk import walk
from trustthepixels.infer.stores.options import StoreOptions
from trustthepixels.infer.stores.source import AnyFiles
from trustthepixels.infer.stores.stores import Stores

JPEG = b"\xff\xd8\xff" + bytes(40)
KEYS = ["p/a.jpg", "p/notes", "p/photo", "p/thumbs/b.jpg", "p/thumbs/photo", "q"]
BUCKET = "s3://pictures/"


@pytest.fixture
def server() -> Iterator[Server]:
    contents = {key: b"text" if key == "p/notes" else JPEG for key in KEYS}
    for key, content in contents.items():
        Path(key).parent.mkdir(parents=True, exist_ok=True)
        Path(key).write_bytes(content)
    with served(Objects(contents).answer) as server:
        yield server


options = st.builds(
    WalkOptions,
    include=st.sampled_from([(), ("a.jpg",), ("photo",)]),
    exclude=st.sampled_from([(), ("thumbs",), ("b.jpg",), ("/thumbs/b.jpg",)]),
    any_name=st.booleans(),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*KEYS, "p/", "p/thumbs/"]), min_size=2, max_size=4), options)
@example(["p/", "p/thumbs/b.jpg"], WalkOptions(exclude=("thumbs",)))
@example(["p/", "p/thumbs/"], WalkOptions(exclude=("thumbs",)))
@example(["p/", "p/thumbs/"], WalkOptions(exclude=("/thumbs/b.jpg",)))
@example(["p/", "p/a.jpg"], WalkOptions(include=("photo",)))
@example(["q", "p/photo", "q"], WalkOptions())
@example(["p/", "p/photo", "p/notes"], WalkOptions(any_name=True))
def test_each_object_is_found_once_as_on_a_disk(server, roots, options):
    stores = Stores(StoreOptions(server.url))
    found = AnyFiles([f"{BUCKET}{root}".encode() for root in roots], options, None, stores).find()
    on_disk = walk([root.encode() for root in roots], options)
    assert [one.path for one in found] == [BUCKET.encode() + one.path for one in on_disk]
