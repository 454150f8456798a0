"""``trustthepixels evaluate --labels-from-provenance``: ground truth from a user's own folder."""

import pytest
from in_process import trustthepixels
from metadata_corpus import A1111
from metadata_writers import png_texts
from signed_corpus import anchors, signed_cases

from trustthepixels.infer.provenance.credentials.trust import TrustList
from trustthepixels.infer.provenance.options import ProvenanceOptions
from trustthepixels.infer.results import Origin, OriginGrade, Provenance
from trustthepixels.train.data.stated import label_of, stated_samples

NAMES = (
    "trusted.png",
    "unknown-signer.jpg",
    "camera.jpg",
    "camera-unknown.jpg",
    "edited.jpg",
    "tampered.jpg",
)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for case in signed_cases():
        if case.name in NAMES:
            (folder / case.name).write_bytes(case.data)
    (folder / "claimed.png").write_bytes(png_texts(parameters=A1111))
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_only_pictures_that_prove_what_they_are_have_labels(folder):
    pytest.importorskip("c2pa")
    trusting = ProvenanceOptions(trust_list=TrustList("test", "", anchors()))
    found = {sample.file: sample.label for sample in stated_samples(folder, trusting)}
    assert found == {"trusted.png": "ai", "unknown-signer.jpg": "ai", "camera.jpg": "real"}


def test_the_command_measures_on_them(folder, tiny_model):
    pytest.importorskip("c2pa")
    done = trustthepixels("evaluate", tiny_model, folder, "--labels-from-provenance")
    assert done.returncode == 0, done.stderr
    assert "labelled by their own credentials" in done.stdout
    # The bundled list trusts none of these signers, so no camera counts.
    assert "2 ai" in done.stdout


def test_the_command_trusts_the_signers_of_a_list(folder, tiny_model, tmp_path):
    pytest.importorskip("c2pa")
    listed = tmp_path / "list.pem"
    listed.write_text(anchors())
    done = trustthepixels(
        "evaluate", tiny_model, folder, "--labels-from-provenance", "--trust-list", listed
    )
    assert done.returncode == 0, done.stderr
    assert "2 ai, 1 real" in done.stdout


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--labels-from-provenance",), "no-list.pem: cannot be read as a trust list"),
        ((), "--trust-list needs --labels-from-provenance"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(folder, tiny_model, options, error):
    pytest.importorskip("c2pa")
    done = trustthepixels("evaluate", tiny_model, folder, *options, "--trust-list", "no-list.pem")
    assert done.returncode == 2
    assert error in done.stderr


def test_a_folder_without_proofs_is_wrong_input(tiny_model, examples):
    done = trustthepixels("evaluate", tiny_model, examples, "--labels-from-provenance")
    assert done.returncode == 2
    assert "proves by content credentials" in done.stderr


def test_splits_and_folds_do_not_go_with_it(folder, tiny_model):
    done = trustthepixels("evaluate", tiny_model, folder, "--labels-from-provenance", "--fold", "1")
    assert done.returncode == 2
    assert "--labels-from-provenance knows no splits" in done.stderr


@pytest.mark.parametrize(
    ("origin", "grade", "label"),
    [
        (Origin.AI, OriginGrade.SIGNED, "ai"),
        (Origin.AI, OriginGrade.INTACT, "ai"),
        (Origin.AI, OriginGrade.CLAIMED, None),
        (Origin.AI, OriginGrade.BROKEN, None),
        (Origin.CAMERA, OriginGrade.SIGNED, "real"),
        (Origin.CAMERA, OriginGrade.CLAIMED, None),
        (Origin.AI_EDITED, OriginGrade.SIGNED, None),
        (Origin.OTHER, OriginGrade.SIGNED, None),
        (Origin.UNKNOWN, OriginGrade.NONE, None),
    ],
)
def test_a_label_needs_a_signature_that_holds(origin, grade, label):
    assert label_of(Provenance(origin, grade)) == label
