"""Bytes in, rows out: ``judge`` gives the rows of a scan of files with the same bytes."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from image_files import FILES, encoded
from PIL import Image

from trustthepixels.infer import Detector, FileStatus, Limits, ScanOptions
from trustthepixels.infer.errors import InputError
from trustthepixels.infer.images.limits import Isolation


@pytest.fixture
def detector(tiny_model):
    return Detector(tiny_model, "cpu", limits=Limits(max_bytes=200_000, max_pixels=2_000_000))


def items_of(folder):
    """Return name and bytes of each file, in the order of a walk."""
    return [(str(path), path.read_bytes()) for path in sorted(folder.iterdir())]


@pytest.fixture
def folder(tmp_path):
    """Return a folder of sound, damaged, odd and refused files."""
    cut = FILES["jpeg"][: len(FILES["jpeg"]) // 2]
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    files = {
        "a.jpg": FILES["jpeg"],
        "b.png": FILES["png"],
        "c.gif": encoded("GIF"),
        "d.tiff": encoded("TIFF"),
        "e.jpg": cut,
        "f.jpg": b"no picture",
        "g.jpg": b"",
        "h.png": encoded("PNG", Image.fromarray(noise)),
        "i.png": encoded("PNG", Image.new("1", (2000, 2000))),
        "j.webp": FILES["webp"],
    }
    (tmp_path / "files").mkdir()
    for name, content in files.items():
        (tmp_path / "files" / name).write_bytes(content)
    return tmp_path / "files"


def test_rows_are_those_of_a_scan_of_the_examples(detector, examples):
    for part in ("AI", "Real"):
        items = items_of(examples / part)
        assert list(detector.judge(items)) == list(detector.scan(name for name, _ in items))


@pytest.mark.parametrize("isolation", Isolation)
def test_rows_are_those_of_a_scan_of_damaged_odd_and_large_files(detector, folder, isolation):
    options = replace(detector._usual_options(), isolation=isolation)
    rows = list(detector.judge(items_of(folder), options))
    assert rows == list(detector.scan(folder, options))
    statuses = {row.path.rpartition("/")[2]: row.status for row in rows}
    assert statuses["c.gif"] is statuses["d.tiff"] is FileStatus.OK
    assert statuses["e.jpg"] is FileStatus.TRUNCATED
    assert statuses["f.jpg"] is FileStatus.NOT_AN_IMAGE
    assert statuses["h.png"] is statuses["i.png"] is FileStatus.TOO_LARGE


def test_the_error_of_too_many_bytes_is_that_of_a_scan(detector, folder):
    name = str(folder / "h.png")
    (row,) = detector.judge([(name, (folder / "h.png").read_bytes())])
    assert row == next(iter(detector.scan(name)))
    assert row.error.endswith("bytes, limit 200000")


def test_items_are_taken_only_while_rows_are(detector):
    taken = itertools.count()

    def items():
        while True:
            yield f"{next(taken)}.jpg", FILES["jpeg"]

    rows = detector.judge(items(), ScanOptions(batch_size=2, decode_threads=2))
    first = [next(rows).path for _ in range(10)]
    rows.close()
    assert first == [f"{number}.jpg" for number in range(10)]
    assert next(taken) < 30


def test_a_name_is_what_its_row_is_called(detector):
    names = ["", "ünï/ *\n.jpg", "s3://bucket/key?x=1", "a\0b", "\udcff"]
    assert [row.path for row in detector.judge((name, FILES["png"]) for name in names)] == names


def test_an_error_of_the_items_ends_the_rows(detector):
    def items():
        yield "a.png", FILES["png"]
        raise InputError("the bucket is gone")

    with pytest.raises(InputError, match="the bucket is gone"):
        list(detector.judge(items()))


def test_decode_processes_are_not_asked_for_bytes(detector, folder):
    options = replace(detector._usual_options(), decode_processes=2)
    assert list(detector.judge(items_of(folder) * 30, options)) == list(
        detector.judge(items_of(folder) * 30)
    )
