"""One reader of labelled folders serves ``predict``, training, evaluation and preparation."""

from pathlib import Path

import pytest

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.files.labelled import labelled_files, read_manifest
from trustthepixels.infer.images.formats.registry import image_extensions
from trustthepixels.train.data.manifest import load_samples


def touch(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_class_folders_may_be_written_in_any_case(tmp_path: Path) -> None:
    touch(tmp_path, "ai/a.jpg", "REAL/deep/b.PNG", "real.txt", "other/c.jpg")

    files = labelled_files(tmp_path)

    assert [(one.file, one.label) for one in files] == [
        ("REAL/deep/b.PNG", "real"),
        ("ai/a.jpg", "ai"),
    ]
    assert [one.path for one in files] == [tmp_path / one.file for one in files]
    assert [(one.source, one.group) for one in files] == [("", one.file) for one in files]


def test_training_finds_the_same_pictures_as_a_scan(tmp_path: Path) -> None:
    for extension in image_extensions():
        touch(tmp_path, f"AI/{extension}.{extension}", f"Real/{extension}.{extension.upper()}")
    touch(tmp_path, "AI/notes.txt", "Real/clip.mp4")

    samples = load_samples(tmp_path)

    assert {one.path.stem for one in samples} == image_extensions()
    assert len(samples) == 2 * len(image_extensions())
    assert [one.file for one in labelled_files(tmp_path)] == [one.file for one in samples]


def test_a_manifest_gives_source_and_group_in_its_own_order(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    # With a byte order mark, as spreadsheets write it.
    manifest.write_bytes(
        b"\xef\xbb\xbffile,class,source,group,pair\n"
        b"b.jpg,Real,camera,,p1\nnone/a.jpg,AI,faces,g1,p1\nc.jpg,ai,,,\n"
    )

    listed = [(one.file, one.label, one.source, one.group) for one in read_manifest(manifest)]

    assert listed == [
        ("b.jpg", "real", "camera", "p1"),
        ("none/a.jpg", "ai", "faces", "g1"),
        ("c.jpg", "ai", "", "c.jpg"),
    ]
    assert [one.file for one in labelled_files(manifest)] == ["b.jpg", "c.jpg", "none/a.jpg"]
    assert labelled_files(tmp_path) == labelled_files(manifest)


def test_what_is_no_labelled_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither manifest\.csv nor pictures"):
        labelled_files(touch(tmp_path, "AI/notes.txt"))
    with pytest.raises(InputError, match="does not exist"):
        labelled_files(tmp_path / "gone")
