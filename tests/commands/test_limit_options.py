"""Limits on one file, set on the command line."""

import csv
import io

import numpy as np
import pytest
from click import BadParameter
from image_files import FILES, encoded, photograph
from PIL import Image
from tiny_model import expected_p_ai

from trustthepixels.infer.commands.options import size
from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.images.decode import decode_to_size
from trustthepixels.infer.images.limits import DecodeSize, Limits
from trustthepixels.infer.images.shape import InputShape


@pytest.fixture
def scan(run_command, tiny_model, tmp_path):
    """Scan files given by name and content; the row of each by name, and the exit code."""

    def run(files, *options):
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        command = ["scan-folder", ".", "--out", "-", "--quiet", "--device", "cpu"]
        process = run_command(*command, "--model", tiny_model, *options, cwd=folder)
        rows = csv.DictReader(io.StringIO(process.stdout))
        return {row["path"]: row for row in rows}, process

    return run


CUT = FILES["jpeg"][: len(FILES["jpeg"]) // 2]


def test_a_size_is_a_number_with_a_unit():
    assert size("1000") == 1000
    assert size("512M") == size("512MiB") == size("512mb") == 512 << 20
    assert size("1.5G") == 3 << 29
    assert size("2k") == 2048


@pytest.mark.parametrize("text", ["", "0", "-1", "G", "1X", "1e3", "0.1"])
def test_anything_else_is_no_size(text):
    with pytest.raises(BadParameter):
        size(text)


@pytest.mark.parametrize("option", ["--timeout", "--threshold", "--fpr"])
def test_what_is_no_number_is_wrong_usage(scan, option):
    rows, process = scan({"a.jpg": FILES["jpeg"]}, option, "nan")
    assert (process.returncode, rows) == (2, {})
    assert process.stderr.count("\n") == 1


def test_files_beyond_a_limit_are_rows(scan):
    files = {"a.jpg": FILES["jpeg"], "b.png": FILES["png"]}
    limit = len(FILES["jpeg"])
    rows, process = scan(files, "--max-bytes", str(limit))
    assert process.returncode == 1
    assert rows["a.jpg"]["status"] == "ok"
    assert rows["b.png"]["status"] == "too_large"
    rows, _ = scan(files, "--max-pixels", "6911")
    assert {row["status"] for row in rows.values()} == {"too_large"}


def test_a_picture_beyond_the_memory_is_a_row(scan):
    large = encoded("JPEG", photograph().resize((3000, 3000)))
    rows, _ = scan({"large.jpg": large, "small.jpg": FILES["jpeg"]}, "--memory", "64M")
    assert rows["large.jpg"]["status"] == "too_large"
    assert "budget 67 MB" in rows["large.jpg"]["error"]
    assert rows["small.jpg"]["status"] == "ok"


def test_more_pixels_than_pillow_would_take_can_be_allowed(scan):
    # 400 megapixels of one bit; Pillow itself refuses from 358 on.
    from PIL import Image

    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    options = ["--max-pixels", "500000000", "--memory", "100M"]
    rows, _ = scan({"huge.png": stream.getvalue()}, *options)
    # Refused by the budget of this test, and no more by the number of its pixels.
    assert rows["huge.png"]["status"] == "too_large"
    assert "budget" in rows["huge.png"]["error"]


def test_a_file_that_takes_too_long_is_a_row(scan):
    slow = encoded("TIFF", photograph().resize((4000, 4000)), compression="tiff_lzw")
    rows, _ = scan({"slow.tif": slow, "a.jpg": FILES["jpeg"]}, "--timeout", "0.02")
    assert rows["slow.tif"]["status"] == "too_slow"
    assert rows["slow.tif"]["error"] == "not decoded within 0.02 s"
    assert rows["a.jpg"]["status"] == "ok"


def test_truncated_pictures_are_judged_on_request_and_marked(scan):
    files = {"cut.jpg": CUT, "cut.png": FILES["png"][:-4000], "whole.jpg": FILES["jpeg"]}
    rows, process = scan(files)
    assert (process.returncode, rows["cut.jpg"]["status"]) == (1, "truncated")
    rows, process = scan(files, "--truncated", "score")
    assert process.returncode == 0
    for name in ("cut.jpg", "cut.png"):
        assert rows[name]["status"] == "ok"
        assert rows[name]["verdict"]
        assert rows[name]["note"].startswith("truncated: ")
    assert rows["whole.jpg"]["note"] == ""


def test_rows_are_the_same_with_every_file_in_a_process(scan):
    files = {f"{name}.{name.split('-')[0]}": data for name, data in FILES.items()}
    odd, _ = scan(files)
    everything, _ = scan(files, "--isolate", "all")
    assert len(odd) == len(FILES)
    assert everything == odd


@pytest.mark.parametrize(
    "options",
    [["--memory", "much"], ["--timeout", "0"], ["--max-bytes", "-1"], ["--isolate", "none"]],
    ids=lambda options: options[0],
)
def test_a_limit_that_is_none_is_one_line_and_exit_code_2(scan, options):
    _, process = scan({"a.jpg": FILES["jpeg"]}, *options)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    assert options[0] in process.stderr


def test_large_jpegs_are_scaled_unless_they_shall_be_decoded_in_full(scan):
    # White points on black: a full decode clips what a scaled one has averaged before.
    points = np.random.default_rng(5).random((2700, 2700)) < 0.1
    data = encoded("JPEG", Image.fromarray(points.astype(np.uint8) * 255))
    expected = {
        size.value: expected_p_ai(
            decode_to_size(
                data, InputShape(224, 224), Limits(decode_size=size), MemoryBudget()
            ).pixels[None]
        )[0]
        for size in DecodeSize
    }
    assert abs(expected["full"] - expected["scaled"]) > 1e-5
    for options, decode in (((), "scaled"), (("--decode", "full"), "full")):
        rows, _ = scan({"large.jpg": data}, *options)
        assert float(rows["large.jpg"]["p_ai"]) == pytest.approx(expected[decode], abs=2e-6)
