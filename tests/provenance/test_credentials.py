"""Content credentials: how they are graded, and what they state."""

import pytest

pytest.importorskip("c2pa")
from credential_signing import manifest, trusted
from metadata_writers import plain, read_metadata
from signed_corpus import AI, anchors, signed_cases

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.provenance.credentials.cbor import decode_cbor
from trustthepixels.infer.provenance.credentials.check import checked_store, grade_of
from trustthepixels.infer.provenance.credentials.trust import bundled_trust_list, load_trust_list
from trustthepixels.infer.provenance.find import find
from trustthepixels.infer.results import OriginGrade


def columns(provenance):
    return provenance.origin.value, provenance.grade.value, ";".join(provenance.evidence)


@pytest.fixture(scope="module")
def cases():
    return {case.name: case for case in signed_cases()}


def test_checked_credentials_are_graded_by_their_codes(cases):
    found = {}
    for name, case in cases.items():
        metadata = read_metadata(case.data)
        is_checked = metadata.has_credentials
        store = checked_store(case.data, metadata.format, anchors()) if is_checked else None
        found[name] = columns(find(metadata, store))
    assert found == {name: case.checked for name, case in cases.items()}


def test_unchecked_credentials_are_claims(cases):
    found = {name: columns(find(read_metadata(case.data))) for name, case in cases.items()}
    assert found == {name: case.unchecked for name, case in cases.items()}


def test_the_library_is_asked_only_about_files_with_a_manifest(cases):
    assert not read_metadata(plain("JPEG")).has_credentials
    assert read_metadata(cases["trusted.jpeg"].data).has_credentials
    assert not read_metadata(cases["remote.jpg"].data).has_credentials


def test_a_manifest_that_cannot_be_read_does_not_fit(cases):
    data = cases["trusted.png"].data
    at = data.index(b"caBX") + 40
    damaged = data[:at] + bytes(2000) + data[at + 2000 :]
    store = checked_store(damaged, "PNG", anchors())
    assert columns(find(read_metadata(damaged), store)) == ("other", "broken", "c2pa:broken")


def test_a_trusted_editor_of_other_trust_does_not_decide(cases):
    """A picture can be signed under one list and intact under another."""
    data = cases["opened-trusted-ai.jpg"].data
    store = checked_store(data, "JPEG", bundled_trust_list().certificates)
    assert columns(find(read_metadata(data), store))[:2] == ("ai", "intact")


@pytest.mark.parametrize(
    ("failures", "grade"),
    [
        ([], "signed"),
        (["signingCredential.expired"], "intact"),
        (["signingCredential.revoked"], "intact"),
        (["timeStamp.mismatch", "assertion.action.malformed", "claim.malformed"], "signed"),
        (["assertion.dataHash.mismatch"], "broken"),
        (["assertion.hashedURI.mismatch"], "broken"),
        (["claimSignature.mismatch"], "broken"),
        (["something.new"], "broken"),
    ],
)
def test_failures_decide_about_the_grade(failures, grade):
    held = ["claimSignature.validated", "assertion.dataHash.match", "signingCredential.trusted"]
    codes = [(code, False) for code in held] + [(code, True) for code in failures]
    assert grade_of(codes) is OriginGrade(grade)


def test_a_manifest_that_is_not_bound_to_the_file_is_broken():
    assert grade_of([("claimSignature.validated", False)]) is OriginGrade.BROKEN
    assert grade_of([("assertion.dataHash.match", False)]) is OriginGrade.BROKEN


def test_the_bundled_list_is_the_official_one():
    bundled = bundled_trust_list()
    assert bundled.count == 30
    assert bundled.date == "2026-08-13"
    assert "Google C2PA Root CA G3" in bundled.certificates


def test_a_list_of_ones_own_takes_its_place(tmp_path):
    path = tmp_path / "list.pem"
    path.write_text(trusted().anchors)
    data = trusted().sign(plain("PNG"), "image/png", manifest(AI))
    for trust, grade in ((load_trust_list(path), "signed"), (bundled_trust_list(), "intact")):
        store = checked_store(data, "PNG", trust.certificates)
        assert find(read_metadata(data), store).grade.value == grade


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_list_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "list.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"list\.pem"):
        load_trust_list(path)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x18\x2a", 42),
        (b"\x20", -1),
        (b"\x63abc", "abc"),
        (b"\xa1\x61a\x82\x01\xf5", {"a": [1, True]}),
        (b"\xbf\x61a\x9f\x01\xff\xff", {"a": [1]}),
        (b"\x7f\x61a\x61b\xff", "ab"),
        (b"\xc1\x01", 1),
        (b"\xf9\x3c\x00", 1.0),
        (b"\x9a\xff\xff\xff\xff", None),
        (b"\x81" * 100, None),
        (b"\x63a", None),
        (b"", None),
    ],
)
def test_cbor_is_decoded_within_bounds(data, value):
    assert decode_cbor(data) == value
