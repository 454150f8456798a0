"""Orientation from metadata: what Pillow says of sound blocks, in one bounded pass of any."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trustthepixels.infer.images.orientation import (
    exif_orientation,
    orientation_in,
    pictures_in_mpo,
    xmp_orientation,
)


def block(order: str, entries: list[tuple[int, int, int, int]]) -> bytes:
    """A block of EXIF with (tag, type, count, value) entries, ``order`` little or big."""

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, order)

    mark = b"II" if order == "little" else b"MM"
    body = b"".join(
        number(tag, 2) + number(kind, 2) + number(count, 4) + number(value, 2) + b"\0\0"
        for tag, kind, count, value in entries
    )
    return b"Exif\0\0" + mark + number(42, 2) + number(8, 4) + number(len(entries), 2) + body


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_is_read_in_both_byte_orders(order, orientation):
    data = block(order, [(0x0100, 3, 1, 7), (0x0112, 3, 1, orientation), (0x0128, 3, 1, 2)])
    assert exif_orientation(data) == orientation
    assert exif_orientation(data.removeprefix(b"Exif\0\0")) == orientation


@given(
    orientations=st.lists(st.integers(0, 10), max_size=3),
    others=st.lists(st.sampled_from([0x010F, 0x011A, 0x0128, 0x9000]), max_size=4),
    order=st.sampled_from(["little", "big"]),
)
@settings(deadline=None)
def test_is_what_pillow_reads(orientations, others, order):
    entries = [(0x0112, 3, 1, value) for value in orientations]
    data = block(order, [(tag, 3, 1, 1) for tag in others] + entries)
    exif = Image.Exif()
    exif.load(data)
    by_pillow = exif.get(0x0112)
    expected = by_pillow if by_pillow in range(1, 9) else None
    assert exif_orientation(data) == expected


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_of_any_bytes_is_a_number_or_none(data):
    for content in (data, b"Exif\0\0II*\0" + data, b"Exif\0\0MM\0*" + data):
        assert exif_orientation(content) in (None, *range(1, 9))
        assert orientation_in({"exif": content}) in range(1, 9)
        assert pictures_in_mpo(content) >= 0


def test_of_xmp_counts_where_exif_has_none():
    packet = b'<x tiff:Orientation="6"/>'
    assert xmp_orientation(packet) == 6
    assert xmp_orientation(b"<tiff:Orientation>3</tiff:Orientation>") == 3
    assert orientation_in({"xmp": packet}) == 6
    assert orientation_in({"exif": block("little", [(0x0112, 3, 1, 8)]), "xmp": packet}) == 8


def test_of_a_raw_profile_as_imagemagick_writes_it():
    digits = block("big", [(0x0112, 3, 1, 5)]).hex()
    profile = f"\nexif\n    {len(digits) // 2}\n{digits}\n"
    assert orientation_in({"Raw profile type exif": profile}) == 5
    assert orientation_in({"Raw profile type exif": "\n\n\nno digits"}) == 1


def test_an_mpo_names_its_pictures():
    first, second = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), "red")
    stream = io.BytesIO()
    first.save(stream, "MPO", save_all=True, append_images=[second])
    data = stream.getvalue()
    assert pictures_in_mpo(data[data.index(b"MPF\0") + 4 :]) == 2


def test_a_directory_that_claims_much_costs_nothing():
    entries = [(0x0200 + number, 1, 2**32 - 1, 0) for number in range(60_000)]
    assert exif_orientation(block("little", entries)) is None
