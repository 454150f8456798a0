"""Damaged and hostile metadata end in some answer: no crash, no hang, no memory beyond a share."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metadata_writers import read_metadata

from trustthepixels.infer.provenance.credentials.cbor import decode_cbor
from trustthepixels.infer.provenance.credentials.jumbf import read_store
from trustthepixels.infer.provenance.exif import exif_findings
from trustthepixels.infer.provenance.find import find
from trustthepixels.infer.provenance.iim import iim_findings
from trustthepixels.infer.provenance.xmp import xmp_findings

STARTS = st.sampled_from(
    [
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"II*\x00",
        b"MM\x00*",
        b"RIFF\xff\x00\x00\x00WEBP",
        b"\x00\x00\x00\x10ftypavif\x00\x00\x00\x00",
        b"\x00\x00\x00\x10ftypheic\x00\x00\x00\x00",
    ]
)


@settings(max_examples=300, deadline=None)
@given(STARTS, st.binary(max_size=400))
def test_any_bytes_behind_a_magic_number_get_an_answer(start, rest):
    find(read_metadata(start + rest))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_block_gets_an_answer(block):
    decode_cbor(block)
    read_store(block)
    for read in (exif_findings, iim_findings, xmp_findings):
        for order in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
            list(read(order + block))


def read_mutants(seed, count, *options):
    script = Path(__file__).with_name("mutants.py")
    done = subprocess.run(
        [sys.executable, str(script), str(seed), str(count), *options],
        capture_output=True,
        text=True,
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == str(count)


def test_mutants_are_read():
    read_mutants(1, 2_000)


def test_mutants_of_credentials_are_checked():
    pytest.importorskip("c2pa")
    read_mutants(2, 150, "checked")


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(4))
def test_many_mutants_are_read(seed):
    read_mutants(10 + seed, 10_000)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_many_mutants_of_credentials_are_checked():
    pytest.importorskip("c2pa")
    read_mutants(20, 10_000, "checked")
