"""Every file of the corpus gets the three columns that are expected of it."""

import json

import pytest
from metadata_corpus import COMFY_PROMPT, NOVEL, plain_cases
from metadata_writers import exif, jpeg_exif, png, png_texts, read_metadata, text

from trustthepixels.infer.provenance.containers.segments import MAX_SEGMENTS
from trustthepixels.infer.provenance.find import find
from trustthepixels.infer.provenance.options import Details

CASES = plain_cases()


def columns(provenance):
    return provenance.origin.value, provenance.grade.value, ";".join(provenance.evidence)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_states_what_its_writer_wrote(case):
    assert columns(find(read_metadata(case.data))) == case.columns


def test_the_corpus_is_as_large_as_it_should_be():
    assert len({case.data for case in CASES}) >= 52


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_evidence_holds_only_words_of_its_own(case):
    provenance = find(read_metadata(case.data))
    for secret in ("secret", "person", "cat", "lighthouse", "SONY"):
        assert not any(secret in token for token in provenance.evidence)
    assert provenance.details == ""


def test_details_hold_what_was_read():
    provenance = find(read_metadata(png_texts(prompt=COMFY_PROMPT)), details=Details.ALL)
    (statement,) = json.loads(provenance.details)
    assert statement["values"] == {"prompt": COMFY_PROMPT}
    assert (statement["evidence"], statement["origin"]) == ("png:comfyui", "ai")


def test_details_of_a_name_hold_the_other_fields_of_its_writer():
    provenance = find(read_metadata(png_texts(**NOVEL)), details=Details.ALL)
    assert json.loads(provenance.details)[0]["values"]["Comment"] == NOVEL["Comment"]


def test_details_are_bounded():
    texts = [text(f"invokeai_{kind}", "{" + "x" * 900_000) for kind in ("metadata", "graph")]
    provenance = find(read_metadata(png(*texts)), details=Details.ALL)
    assert len(provenance.details) < 300_000


def test_segments_are_bounded_in_number():
    data = png(*[text(f"key{number}", "value") for number in range(500)])
    assert len(read_metadata(data).segments) == MAX_SEGMENTS


def test_a_text_that_inflates_without_end_is_cut():
    import zlib

    bomb = zlib.compress(bytes(1 << 26))
    metadata = read_metadata(png(*[(b"zTXt", b"parameters\0\0" + bomb)] * 50))
    assert sum(len(segment.content) for segment in metadata.segments) <= 5 << 20


def test_a_directory_that_points_at_itself_ends():
    block = bytearray(exif(Make="SONY", comment=b"ASCII\0\0\0x"))
    at = block.index(b"\x69\x87") + 8
    block[at : at + 4] = (8).to_bytes(4, "little")
    assert columns(find(read_metadata(jpeg_exif(bytes(block))))) == ("", "", "")
