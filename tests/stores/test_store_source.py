"""Scans of object stores: the rows of the same pictures on disk, whatever the store does."""

import io
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import trustthepixels
from PIL import Image
from scanning import rows_of, run
from store_credentials import SECRET

from benchmarks.inputs.object_server import (
    Faults,
    Objects,
    Server,
    closed,
    cut,
    denied,
    failure,
    served,
    shortened,
    slow,
    sound,
    throttled,
)
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.output.rows import unescape_path
from trustthepixels.infer.stores.found import Remote
from trustthepixels.infer.stores.options import StoreOptions
from trustthepixels.infer.stores.source import AnyFiles
from trustthepixels.infer.stores.stores import Stores


def scan(server: Server, *arguments: str | Path, out: str = "rows.csv"):
    """Scan with the store's address; returns the exit code and standard error."""
    code, _, errors = run(*arguments, "--out", out, "--endpoint", server.url)
    assert SECRET not in errors
    assert "AKIANOTTOBESEEN" not in errors
    return code, errors


def lines_without_names(path: str) -> list[str]:
    return [line.partition(",")[2] for line in Path(path).read_text().splitlines()]


def find(objects: Objects, root: str, **options) -> list[Remote]:
    with served(objects.answer) as server:
        source = AnyFiles(
            [root.encode()], WalkOptions(**options), None, Stores(StoreOptions(server.url))
        )
        found = list(source.find())
    assert all(isinstance(one, Remote) for one in found)
    return found


def test_rows_equal_those_of_the_same_pictures_on_disk(store, pictures, tiny_model):
    _, _, server = store
    folder = Path("photos")
    folder.mkdir()
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    assert scan(server, "s3://pictures/", "--model", tiny_model)[0] == 0
    assert run("photos", "--model", tiny_model, "--out", "disk.csv")[0] == 0
    assert lines_without_names("rows.csv") == lines_without_names("disk.csv")
    assert [row["path"] for row in rows_of()] == [f"s3://pictures/{name}" for name in pictures]


def test_each_object_gets_one_row_whatever_the_store_does(store, pictures, tiny_model):
    objects, faults, server = store
    names = list(pictures)
    healed = (throttled, closed, cut)
    for name, change in zip(names, healed, strict=False):
        faults.changes[name] = [change, change, sound]
    broken = {"sound.jpg": sound, "slow.jpg": slow, "cut.jpg": cut, "short.jpg": shortened}
    broken |= {"denied.jpg": denied, "gone.jpg": lambda _reply: failure(404, "NoSuchKey")}
    broken |= {"changed.jpg": lambda _reply: failure(412, "PreconditionFailed")}
    for name, change in broken.items():
        objects.contents[name] = pictures[names[0]]
        faults.changes[name] = [change]
    code, _ = scan(server, "s3://pictures", "--model", tiny_model, "--timeout", "3")
    assert code == 1
    rows = {row["path"].removeprefix("s3://pictures/"): row for row in rows_of()}
    assert list(rows) == sorted([*pictures, *broken])
    assert all(rows[name]["status"] == "ok" for name in [*pictures, "sound.jpg"])
    assert {name: rows[name]["status"] for name in broken if name != "sound.jpg"} == {
        "slow.jpg": "too_slow",
        "cut.jpg": "unreadable",
        "short.jpg": "unreadable",
        "denied.jpg": "unreadable",
        "gone.jpg": "vanished",
        "changed.jpg": "unreadable",
    }
    assert "length mismatch" in rows["short.jpg"]["error"]
    assert "denies access" in rows["denied.jpg"]["error"]


def test_a_scan_ends_when_its_store_is_gone_and_goes_on_when_it_is_back(
    store, pictures, tiny_model
):
    objects, faults, server = store
    for number in range(80):
        objects.contents[f"z{number:03d}.jpg"] = pictures["coffee.jpg"]
        faults.changes[f"z{number:03d}.jpg"] = [closed]
    arguments = ("s3://pictures", "--model", tiny_model, "--timeout", "1")
    code, errors = scan(server, *arguments)
    assert code == 5
    assert "store seems to be gone" in errors
    faults.changes.clear()
    assert scan(server, *arguments, "--resume")[0] == 0
    assert [row["status"] for row in rows_of()] == ["ok"] * (80 + len(pictures))


def test_a_server_that_dies_for_a_moment_costs_no_row(store, pictures):
    _, _, server = store
    source = AnyFiles(
        [b"s3://pictures/"], WalkOptions(), None, Stores(StoreOptions(server.url), Limits())
    )
    found = list(source.find())
    server.die()
    for one in found:
        source.expect(one)
    server.come_back()
    assert [source.read(one, 1 << 30) for one in found] == list(pictures.values())
    source.cancel()


def test_a_weak_tag_of_a_web_server_is_no_change(store, tiny_model):
    _, faults, server = store
    # By RFC 9110 no condition on a weak tag ever holds.
    faults.changes["coffee.jpg"] = [
        lambda reply: replace(reply, headers={**reply.headers, "ETag": 'W/"1"'})
    ]
    code, errors = scan(server, f"{server.url}/pictures/coffee.jpg", "--model", tiny_model)
    assert code == 0, errors
    assert [row["status"] for row in rows_of()] == ["ok"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("s3://nosuchbucket/", "no such bucket"),
        ("s3://pictures/nothing", "no such object"),
        ("s3://", "no bucket"),
        ("http://127.0.0.1:1/a.jpg", "does not answer"),
    ],
)
def test_bad_input_is_one_line(store, argument, words):
    code, errors = scan(store[2], argument, "--model", "no-such-model.onnx", "--timeout", "1")
    assert code == 2
    assert re.fullmatch(rf"error: .*{words}.*\n", errors)


def test_another_region_and_refused_credentials_are_one_line(store):
    _, faults, server = store
    for code, word in (("AuthorizationHeaderMalformed", "--region"), ("InvalidAccessKeyId", "403")):
        faults.everything = lambda _reply, code=code: failure(400 if code[0] == "A" else 403, code)
        exit_code, errors = scan(server, "s3://pictures/", "--timeout", "1")
        assert exit_code == 2
        assert word in errors
        assert errors.count("\n") == 1


def test_without_the_extra_the_error_says_what_to_install(examples):
    script = (
        "import sys; sys.modules['obstore'] = None\n"
        "sys.argv = ['scan-folder', 's3://pictures/', '--out', '-']\n"
        "from trustthepixels.infer.commands.entry import scan_folder\n"
        "scan_folder()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert "trustthepixels[stores]" in done.stderr


def test_a_local_scan_does_not_import_obstore(examples, tiny_model):
    script = (
        "import sys\n"
        "from trustthepixels.infer import Detector\n"
        f"detector = Detector({str(tiny_model)!r}, 'cpu')\n"
        f"assert len(list(detector.scan({str(examples / 'Real')!r}))) == 9\n"
        "assert 'obstore' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_secrets_of_an_address_are_in_no_row(store, tiny_model):
    _, _, server = store
    signed = f"{server.url}/pictures/coffee.jpg?X-Amz-Signature={SECRET}&id=3"
    Path("list.txt").write_text(f"{signed}\n{server.url}/pictures/nothing.jpg\n")
    code, errors = scan(server, "--files-from", "list.txt", "--model", tiny_model)
    assert code == 1, errors
    assert [row["status"] for row in rows_of()] == ["ok", "missing"]
    assert SECRET not in Path("rows.csv").read_text()


def test_names_choose_objects_as_they_choose_files(pictures):
    picture = pictures["coffee.jpg"]
    names = [
        "a.jpg",
        "a/x.JPG",
        "b/@eaDir/x.jpg",
        "b/text.txt",
        "b/photo",
        "c/skip/y.jpg",
        "._z.jpg",
    ]
    objects = Objects(dict.fromkeys(names, picture))
    objects.contents["b/text.txt"] = b"words"
    paths = [one.path.decode() for one in find(objects, "s3://pictures/", exclude=("skip/",))]
    assert paths == ["s3://pictures/a.jpg", "s3://pictures/a/x.JPG"]
    looked = [one.path.decode() for one in find(objects, "s3://pictures/b", any_name=True)]
    assert looked == ["s3://pictures/b/photo"]


def test_update_scans_objects_whose_tag_changed(store, pictures, tiny_model):
    objects, _, server = store
    arguments = ("s3://pictures/", "--model", tiny_model, "--update")
    assert scan(server, *arguments)[0] == 0
    objects.contents["coffee.jpg"] = pictures["candle.jpg"]
    before = objects.requests
    assert scan(server, *arguments)[0] == 0
    # Two listings, the check's and the walk's, and the one object that changed.
    assert objects.requests - before == 3
    sizes = {row["path"]: row["bytes"] for row in rows_of()}
    assert int(sizes["s3://pictures/coffee.jpg"]) == len(pictures["candle.jpg"])


ODD_KEYS = (
    "a//b.jpg",
    "a/\x01.jpg",
    "a/é //+ %41.jpg",
    "b/./c.jpg",
    "b/../d.jpg",
    "d//e//f.jpg",
)


def test_odd_keys_have_rows_like_others(store, pictures, tiny_model):
    objects, _, server = store
    for key in ODD_KEYS:
        objects.contents[key] = pictures["coffee.jpg"]
    assert scan(server, "s3://pictures/", "--model", tiny_model)[0] == 1
    rows = {unescape_path(row["path"]).decode(): row for row in rows_of()}
    assert list(rows) == [f"s3://pictures/{key}" for key in sorted(objects.contents)]
    for key in ODD_KEYS:
        row = rows[f"s3://pictures/{key}"]
        if "/." in key:
            assert "obstore takes no key" in row["error"]
        else:
            assert row["verdict"] == rows["s3://pictures/coffee.jpg"]["verdict"]


def test_a_prefix_of_odd_keys_is_scanned_like_others():
    objects = Objects(dict.fromkeys([*ODD_KEYS, "a/plain.jpg"], b"x"))
    assert [one.address.key for one in find(objects, "s3://pictures/d//")] == ["d//e//f.jpg"]
    assert [one.address.key for one in find(objects, "s3://pictures/b/../")] == ["b/../d.jpg"]
    assert [one.address.key for one in find(objects, "s3://pictures/a//b.jpg")] == ["a//b.jpg"]


@settings(max_examples=8, deadline=None)
@given(st.sets(st.integers(0, 2100), max_size=4))
def test_odd_keys_hide_no_others(places):
    keys = [f"p/{number:04d}{'//x' * (number in places)}.jpg" for number in range(2100)]
    objects = Objects(dict.fromkeys([*keys, "q.jpg"], b"x"))
    assert [one.address.key for one in find(objects, "s3://pictures/p")] == sorted(keys)


def test_a_listing_that_breaks_off_has_a_row(store):
    objects, faults, server = store
    objects.contents |= {f"{number:04d}.jpg": b"x" for number in range(1001)}
    faults.changes[""] = [sound, denied]
    source = AnyFiles([b"s3://pictures/"], stores=Stores(StoreOptions(server.url)))
    *found, last = source.find()
    assert len(found) == 1000
    assert (last.path, "AccessDenied" in last.failure.reason) == (b"s3://pictures/", True)


@pytest.mark.slow
def test_a_hundred_thousand_keys_come_in_order():
    objects = Objects({f"{number:06d}.jpg": b"x" for number in range(100_000)})
    found = find(objects, "s3://pictures/")
    assert [one.address.key for one in found] == sorted(objects.contents)


def small_pictures(count: int) -> dict[str, bytes]:
    """Return different JPEGs of 96×80 pixels."""
    made = {}
    noise = random.Random(0)
    for number in range(count):
        coarse = Image.frombytes("RGB", (12, 10), noise.randbytes(360))
        file = io.BytesIO()
        coarse.resize((96, 80)).save(file, "JPEG")
        made[f"{number // 100}/{number:03d}.jpg"] = file.getvalue()
    return made


def test_five_hundred_objects_with_missing_and_denied_ones(tiny_model):
    contents = small_pictures(500)
    for name, content in contents.items():
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Path("photos", name).write_bytes(content)
    faults = Faults(Objects(dict(contents)).answer)
    missing, refused = list(contents)[10:500:12][:40], list(contents)[5:500:12][:40]
    faults.changes = {name: [lambda _reply: failure(404, "NoSuchKey")] for name in missing}
    faults.changes |= {name: [denied] for name in refused}
    for name in list(contents)[1:500:48]:
        faults.changes[name] = [throttled, cut, sound]
    with served(faults) as server:
        assert scan(server, "s3://pictures/", "--model", tiny_model)[0] == 1
    assert run("photos", "--model", tiny_model, "--out", "disk.csv")[0] == 0
    stored, disk = rows_of("rows.csv"), rows_of("disk.csv")
    assert [row["path"].removeprefix("s3://pictures/") for row in stored] == list(contents)
    for one, other in zip(stored, disk, strict=True):
        name = other.pop("path").removeprefix("photos/")
        assert one.pop("path") == f"s3://pictures/{name}"
        if name in missing:
            assert one["status"] == "vanished"
        elif name in refused:
            assert one["status"] == "unreadable"
        else:
            assert one == other


def test_the_shards_of_a_bucket_are_those_of_a_folder_and_merge(store, pictures):
    _, _, server = store
    folder = Path("bucket")
    folder.mkdir()
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    assert scan(server, "s3://pictures/", "--model", "edge")[0] == 0
    parts = []
    for number in (1, 2):
        shard = ("--model", "edge", "--shard", f"{number}/2")
        assert scan(server, "s3://pictures/", *shard, out=f"{number}.csv")[0] == 0
        assert scan(server, "bucket", *shard, out=f"disk{number}.csv")[0] == 0
        names = [
            [row["path"].rpartition("/")[2] for row in rows_of(path)]
            for path in (f"{number}.csv", f"disk{number}.csv")
        ]
        assert names[0] == names[1] != []
        parts.append(f"{number}.csv")
    assert trustthepixels("merge", *parts, "--out", "all.csv").returncode == 0
    assert Path("all.csv").read_bytes() == Path("rows.csv").read_bytes()
