"""Reading provenance beside the decoding: where it runs, and what happens when that fails."""

import os

import pytest
from metadata_corpus import A1111, AI_TYPE
from metadata_writers import gif_xmp, png_texts
from signed_corpus import anchors, signed_cases

from trustthepixels.infer import Detector
from trustthepixels.infer.flow.channel import Cancelled
from trustthepixels.infer.images.decode import DecodeError
from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.isolation import origins
from trustthepixels.infer.isolation.messages import provenance_as_json, provenance_from_json
from trustthepixels.infer.isolation.origins import OriginReader
from trustthepixels.infer.isolation.pool import WorkerPool
from trustthepixels.infer.provenance.credentials.trust import TrustList
from trustthepixels.infer.provenance.options import Details, ProvenanceOptions
from trustthepixels.infer.results import FileStatus, Origin, OriginGrade, Provenance

OPTIONS = ProvenanceOptions(Details.ALL)
TEXT, GIF = identify(png_texts(parameters=A1111)), identify(gif_xmp(AI_TYPE))


@pytest.fixture
def pool():
    pool = WorkerPool()
    yield pool
    pool.cancel()


def trusting():
    return ProvenanceOptions(trust_list=TrustList("test", "", anchors()))


def signed(name="trusted.png"):
    return identify(next(case.data for case in signed_cases() if case.name == name))


class Failing(WorkerPool):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def ask(self, *_):
        raise self.error


def test_a_plain_file_is_read_here():
    reader = OriginReader(OPTIONS, Failing(AssertionError()))
    found = reader.read(TEXT, Limits(), is_isolated=False)
    assert (found.origin, found.grade) == (Origin.AI, OriginGrade.CLAIMED)


def test_a_file_that_is_decoded_in_a_process_is_read_in_one(pool):
    found = OriginReader(OPTIONS, pool).read(GIF, Limits(), is_isolated=True)
    assert found == OriginReader(OPTIONS, None).read(GIF, Limits(), is_isolated=False)
    assert found.details


def test_credentials_are_checked_in_a_process(pool):
    pytest.importorskip("c2pa")
    reader = OriginReader(trusting(), pool)
    for _ in range(2):
        assert reader.read(signed(), Limits(), is_isolated=False).grade is OriginGrade.SIGNED


def test_without_the_library_they_are_claims(pool, monkeypatch):
    monkeypatch.setattr(origins, "is_available", lambda: False)
    reader = OriginReader(trusting(), Failing(AssertionError()))
    assert reader.read(signed(), Limits(), is_isolated=False).grade is OriginGrade.CLAIMED


@pytest.mark.parametrize("status", [FileStatus.TOO_SLOW, FileStatus.CORRUPT, FileStatus.UNREADABLE])
def test_a_check_that_fails_leaves_claims(status, monkeypatch):
    monkeypatch.setattr(origins, "is_available", lambda: True)
    reader = OriginReader(trusting(), Failing(DecodeError(status, "no answer")))
    found = reader.read(signed(), Limits(), is_isolated=False)
    assert (found.origin, found.grade) == (Origin.AI, OriginGrade.CLAIMED)


def test_a_check_that_takes_too_long_leaves_claims(pool):
    pytest.importorskip("c2pa")
    reader = OriginReader(trusting(), pool)
    found = reader.read(signed(), Limits(timeout_s=1e-9), is_isolated=False)
    assert (found.origin, found.grade) == (Origin.AI, OriginGrade.CLAIMED)
    # The next file gets a process of its own.
    assert reader.read(signed(), Limits(), is_isolated=False).grade is OriginGrade.SIGNED


def test_a_cancelled_run_ends_the_reading(pool):
    pool.cancel()
    with pytest.raises(Cancelled):
        OriginReader(OPTIONS, pool).read(GIF, Limits(), is_isolated=True)


def test_an_answer_comes_back_as_it_was():
    sent = Provenance(Origin.AI, OriginGrade.SIGNED, ("c2pa:openai",), '[{"evidence": "x"}]')
    assert provenance_from_json(provenance_as_json(sent), sent.details.encode()) == sent


@pytest.mark.parametrize(
    ("values", "details"),
    [
        (None, b""),
        (["ai", "signed"], b""),
        (["maybe", "signed", []], b""),
        (["ai", "very", []], b""),
        (["ai", "signed", ["a name of a person"]], b""),
        (["ai", "signed", [5]], b""),
        (["ai", "signed", ["x"] * 17], b""),
        (["ai", "signed", []], b"no json"),
        (["ai", "signed", []], b"[" * 100_000),
    ],
)
def test_an_answer_that_is_none_is_refused(values, details):
    with pytest.raises(ValueError, match=r"a message|details|is not a valid|Expecting"):
        provenance_from_json(values, details)


class TestDetector:
    def test_a_detector_reads_paths_and_bytes(self, tiny_model, tmp_path):
        detector = Detector(tiny_model, "cpu")
        path = tmp_path / "a.png"
        path.write_bytes(TEXT.data)
        assert detector.provenance(path) == detector.provenance(TEXT.data)
        assert detector.provenance(os.fspath(path)).evidence == ("png:a1111",)

    def test_a_detector_checks_credentials(self, tiny_model):
        pytest.importorskip("c2pa")
        detector = Detector(tiny_model, "cpu")
        assert detector.provenance(signed().data).grade is OriginGrade.INTACT
        assert detector.provenance(signed().data, trusting()).grade is OriginGrade.SIGNED
