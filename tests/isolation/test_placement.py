"""Choice between a thread of the scan and a process that can be killed."""

import zlib

import pytest
from image_files import FILES, encoded, photograph, png_chunk

from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.images.limits import Isolation, Limits, TruncatedPolicy
from trustthepixels.infer.isolation import policy

LIMITS = Limits()


def needs_worker(data: bytes, limits: Limits, isolation: Isolation = Isolation.ODD) -> bool:
    return policy.needs_worker(identify(data), limits, isolation)


IN_THREADS = {name for name in FILES if name.split("-")[0] in ("jpeg", "png", "webp", "bmp")}


@pytest.mark.parametrize("name", FILES)
def test_usual_formats_stay_in_threads_and_the_others_do_not(name):
    assert needs_worker(FILES[name], LIMITS) == (name not in IN_THREADS)


def test_the_examples_stay_in_threads(example):
    assert not needs_worker(example.read_bytes(), LIMITS)


@pytest.mark.parametrize("data", [b"", b"text", bytes(99), encoded("ICO")])
def test_what_is_no_image_starts_no_process(data):
    assert not needs_worker(data, LIMITS)
    assert not needs_worker(data, LIMITS, Isolation.ALL)


@pytest.mark.parametrize("name", FILES)
def test_all_can_be_isolated(name):
    assert needs_worker(FILES[name], LIMITS, Isolation.ALL)


def test_what_takes_long_by_its_size_goes_to_a_process():
    data = encoded("JPEG", photograph().resize((1000, 1000)))
    assert needs_worker(data, Limits(timeout_s=0.19))
    assert not needs_worker(data, Limits(timeout_s=0.21))


def test_what_is_refused_for_its_size_does_not():
    data = encoded("JPEG", photograph().resize((1000, 1000)))
    assert not needs_worker(data, Limits(timeout_s=0.1, max_pixels=999_999))


def test_the_largest_picture_stays_in_a_thread_by_default():
    header = (16_000).to_bytes(2, "big") + (11_000).to_bytes(2, "big")
    data = encoded("JPEG")
    start = data.index(b"\xff\xc0") + 5
    assert not needs_worker(data[:start] + header + data[start + 4 :], LIMITS)


def test_a_jpeg_of_many_scans_goes_to_a_process():
    data = encoded("JPEG", photograph().resize((2000, 2000)), progressive=True)
    last = data.rindex(b"\xff\xda")
    assert not needs_worker(data, LIMITS)
    assert needs_worker(data[:-2] + data[last:-2] * 100 + b"\xff\xd9", LIMITS)


def test_a_jpeg_of_very_many_segments_goes_to_a_process():
    data = encoded("JPEG")
    assert needs_worker(data[:2] + b"\xff\xfe\0\2" * 5000 + data[2:], LIMITS)


def test_a_png_of_very_many_chunks_goes_to_a_process():
    data = FILES["png"]
    text = png_chunk(b"zTXt", b"c\0\0" + zlib.compress(b"text"))
    assert not needs_worker(data[:33] + text * 1000 + data[33:], LIMITS)
    assert needs_worker(data[:33] + png_chunk(b"teSt", b"") * 20_001 + data[33:], LIMITS)


def test_a_run_length_coded_bmp_goes_to_a_process():
    data = bytearray(encoded("BMP", photograph().convert("P")))
    data[30] = 1
    assert needs_worker(bytes(data), LIMITS)


def test_a_bmp_stored_from_its_top_stays_in_a_thread():
    data = bytearray(encoded("BMP"))
    data[22:26] = (-72).to_bytes(4, "little", signed=True)
    assert not needs_worker(bytes(data), LIMITS)


def test_a_webp_without_a_size_goes_to_a_process():
    data = FILES["webp"]
    assert needs_worker(data[:12] + b"XXXX" + data[16:], LIMITS)


def test_filling_the_gaps_of_anything_but_jpeg_happens_in_a_process():
    limits = Limits(truncated=TruncatedPolicy.SCORE)
    assert needs_worker(FILES["png"], limits)
    assert not needs_worker(FILES["jpeg"], limits)
