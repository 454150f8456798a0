"""The list of labelled pictures: read from a manifest, or from folders named after the classes."""

import shutil
from pathlib import Path

import pytest

from trustthepixels.infer.errors import InputError
from trustthepixels.train.data.manifest import (
    fingerprint,
    load_samples,
    without_sources,
)


@pytest.fixture
def data(tmp_path: Path, examples: Path) -> Path:
    """Two pictures of each class, without a manifest."""
    for name in ("AI/portrait-f3.jpg", "AI/portrait-m3.jpg", "Real/chelsea.jpg", "Real/coffee.jpg"):
        target = tmp_path / "data" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(examples / name, target)
    return tmp_path / "data"


def write(data: Path, *lines: str) -> Path:
    manifest = data / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def test_folders_give_the_class_and_each_picture_its_own_group(data: Path) -> None:
    samples = load_samples(data)

    assert [(one.file, one.label, one.target) for one in samples] == [
        ("AI/portrait-f3.jpg", "ai", samples[0].target),
        ("AI/portrait-m3.jpg", "ai", samples[0].target),
        ("Real/chelsea.jpg", "real", samples[2].target),
        ("Real/coffee.jpg", "real", samples[2].target),
    ]
    assert samples[0].target != samples[2].target
    assert [one.group for one in samples] == [one.file for one in samples]
    assert all(one.path.is_file() for one in samples)


def test_a_manifest_decides_what_belongs_to_the_data_set(data: Path) -> None:
    manifest = write(
        data,
        "file,class,source,group",
        "Real/coffee.jpg,Real,camera,breakfast",
        "AI/portrait-m3.jpg,ai,faces,",
    )
    samples = load_samples(data)

    assert [(one.file, one.label, one.source, one.group) for one in samples] == [
        ("AI/portrait-m3.jpg", "ai", "faces", "AI/portrait-m3.jpg"),
        ("Real/coffee.jpg", "real", "camera", "breakfast"),
    ]
    assert load_samples(manifest) == samples


def test_a_pair_is_a_group_where_none_is_given(data: Path) -> None:
    write(
        data,
        "file,class,pair",
        "Real/coffee.jpg,real,cup",
        "AI/portrait-m3.jpg,ai,cup",
    )

    assert {one.group for one in load_samples(data)} == {"cup"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label", "AI/portrait-m3.jpg,ai"], "lacks the column class"),
        (["file,class", "AI/portrait-m3.jpg,robot"], "'robot' is neither ai nor real"),
        (["file,class", "AI/portrait-m3.jpg"], "'' is neither ai nor real"),
        (["file,class", "AI/gone.jpg,ai"], "gone.jpg, which does not exist"),
        (["file,class", "AI/portrait-m3.jpg,ai"], "no pictures of class 'real'"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_an_error(
    data: Path, lines: list[str], message: str
) -> None:
    write(data, *lines)

    with pytest.raises(InputError, match=message):
        load_samples(data)


def test_a_manifest_that_is_not_text_is_an_error(data: Path) -> None:
    (data / "manifest.csv").write_bytes(b"\xff\xfe\x00file")

    with pytest.raises(InputError, match="cannot read"):
        load_samples(data)


def test_a_folder_without_pictures_or_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither manifest\.csv nor pictures"):
        load_samples(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_samples(tmp_path / "gone")


def test_the_fingerprint_follows_labels_and_groups_but_not_the_place(
    data: Path, tmp_path: Path
) -> None:
    before = fingerprint(load_samples(data))
    shutil.copytree(data, tmp_path / "copy")
    write(data, "file,class,group", "AI/portrait-m3.jpg,ai,x", "Real/coffee.jpg,real,y")

    assert fingerprint(load_samples(tmp_path / "copy")) == before
    assert fingerprint(load_samples(data)) != before


def test_sources_can_be_left_out(data: Path) -> None:
    write(
        data,
        "file,class,source",
        "AI/portrait-m3.jpg,ai,faces",
        "AI/portrait-f3.jpg,ai,others",
        "Real/coffee.jpg,real,camera",
    )
    samples = load_samples(data)

    assert [one.source for one in without_sources(samples, ["faces"])] == ["others", "camera"]
    with pytest.raises(InputError, match="no such source in the data: nobody"):
        without_sources(samples, ["nobody", "faces"])
