"""``prepare-data`` on data sets: which pictures it draws, how it writes them, what it refuses."""

import csv
import hashlib
import io
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from in_process import trustthepixels
from picture_sets import PER_CLASS, crops, manifest_rows, tree, write_folders, write_parquet
from PIL import Image
from scanning import RunCommand

from trustthepixels.infer.errors import InputError, OutputError, UsageError
from trustthepixels.infer.images.decode import decode
from trustthepixels.train.commands.prepare_data import prepare_data
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.data.sampling import Sampling, shuffled
from trustthepixels.train.data.splits import split_by_group
from trustthepixels.train.prepare.request import DatasetRequest
from trustthepixels.train.prepare.run import PrepareSettings, PrepareSummary, prepare
from trustthepixels.train.prepare.sources.from_folders import FolderSource
from trustthepixels.train.prepare.sources.from_hub import RowSource
from trustthepixels.train.prepare.sources.hub import open_dataset

COLUMNS = (
    "file,class,source,group,original_format,original_width,original_height,original_bytes,split"
)
BY_CONTENT = {hashlib.sha256(crop.data).hexdigest()[:16]: crop for crop in crops()}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what ``datasets`` writes out of the home folder, and its network calls off."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    return write_parquet(tmp_path / "parquet")


def draw(
    dataset: Path,
    out: Path,
    per_class: int | None = 20,
    seed: int = 42,
    sampling: Sampling = Sampling.UNIFORM,
    **request: str | tuple[str, ...],
) -> PrepareSummary:
    asked = DatasetRequest(str(dataset), **request)  # type: ignore[arg-type]
    source = RowSource(open_dataset(asked), asked)
    return prepare(source, out, PrepareSettings(per_class, seed, sampling=sampling))


def test_the_command_draws_both_classes_from_parquet_files(
    run_command: RunCommand, parquet: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run_command("trustthepixels", "prepare-data", parquet, "--out", out, "--per-class", "20")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {out}: 20 ai, 20 real (")
    assert (out / "manifest.csv").read_text().splitlines()[0] == COLUMNS
    rows = manifest_rows(out)
    assert Counter(row["class"] for row in rows) == {"ai": 20, "real": 20}
    assert {row["file"] for row in rows} == set(tree(out)) - {
        "manifest.csv",
        "prepare.json",
        "rejected.csv",
    }
    for row in rows:
        original = BY_CONTENT[row["group"].removeprefix("sha256:")]
        assert row["class"] == original.label
        assert row["file"].startswith("AI/" if original.label == "ai" else "Real/")
        assert row["source"] == "parquet"
        assert int(row["original_bytes"]) == len(original.data)
        assert (row["original_width"], row["original_height"]) == ("48", "40")
        with Image.open(io.BytesIO(original.data)) as image:
            assert row["original_format"] == image.format
        with Image.open(out / row["file"]) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (48, 40))


def test_the_command_takes_an_image_folder_and_all_of_its_pictures(tmp_path: Path) -> None:
    folder, out = write_folders(tmp_path / "pictures"), tmp_path / "out"
    done = trustthepixels("prepare-data", folder, "--out", out, "--per-class", "all")

    assert (done.returncode, done.stderr) == (0, "")
    assert Counter(row["class"] for row in manifest_rows(out)) == {
        "ai": PER_CLASS,
        "real": PER_CLASS,
    }
    groups = {row["group"].removeprefix("sha256:") for row in manifest_rows(out)}
    assert groups == set(BY_CONTENT)


def test_a_single_parquet_file_is_a_data_set(parquet: Path, tmp_path: Path) -> None:
    file = parquet / "train-00000-of-00002.parquet"

    with pytest.raises(InputError, match="36 of class 'ai' and 0 of class 'real'"):
        draw(file, tmp_path / "out")


def test_every_picture_goes_through_the_one_preprocessing_and_loses_its_metadata(
    tmp_path: Path,
) -> None:
    photograph = Image.open(io.BytesIO(crops()[0].data)).convert("RGB")
    originals = {"turned.jpg": io.BytesIO(), "named.jpg": io.BytesIO(), "clear.png": io.BytesIO()}
    exif = Image.Exif()
    exif[0x0112] = 6
    marks = {"comment": b"a prompt", "icc_profile": b"a profile"}
    photograph.save(originals["turned.jpg"], "JPEG", exif=exif, **marks)
    photograph.save(originals["named.jpg"], "JPEG", **marks)
    photograph.putalpha(Image.linear_gradient("L").resize(photograph.size))
    photograph.save(originals["clear.png"], "PNG")
    for folder in ("AI", "Real"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        for name, stream in originals.items():
            (tmp_path / "in" / folder / name).write_bytes(stream.getvalue())
    source = FolderSource([tmp_path / "in" / "AI"], [tmp_path / "in" / "Real"])
    prepare(source, tmp_path / "out", PrepareSettings(None))

    for name, stream in originals.items():
        upright, expected = decode(stream.getvalue()).image, io.BytesIO()
        bare = Image.frombytes("RGB", upright.size, upright.tobytes())
        bare.save(expected, "JPEG", quality=95)
        prepared = next((tmp_path / "out" / "AI").glob(f"{Path(name).stem}-*.jpg"))
        assert prepared.read_bytes() == expected.getvalue()
    sizes = [
        (row["original_width"], row["original_height"]) for row in manifest_rows(tmp_path / "out")
    ]
    assert sizes.count(("40", "48")) == 2


@pytest.mark.parametrize("sampling", list(Sampling))
def test_the_seed_decides_what_is_drawn(parquet: Path, tmp_path: Path, sampling: Sampling) -> None:
    draw(parquet, tmp_path / "one", sampling=sampling)
    draw(parquet, tmp_path / "same", sampling=sampling)
    draw(parquet, tmp_path / "other", seed=7, sampling=sampling)

    assert tree(tmp_path / "one") == tree(tmp_path / "same")
    assert set(tree(tmp_path / "one")) != set(tree(tmp_path / "other"))


def test_a_uniform_draw_reaches_every_part_of_the_data_set(parquet: Path, tmp_path: Path) -> None:
    draw(parquet, tmp_path / "out", per_class=18)

    drawn = {BY_CONTENT[row["group"][7:]].origin for row in manifest_rows(tmp_path / "out")}
    assert len(drawn) > 12


def test_a_streamed_draw_takes_whole_blocks_until_both_classes_are_full(
    parquet: Path, tmp_path: Path
) -> None:
    summary = draw(parquet, tmp_path / "out", per_class=12, sampling=Sampling.STREAMED)

    assert summary.pictures == {"ai": 12, "real": 12}
    blocks = {row["file"].split("/")[1][:5] for row in manifest_rows(tmp_path / "out")}
    assert len(blocks) <= 4


@pytest.mark.parametrize("sampling", list(Sampling))
def test_pictures_that_cannot_be_decoded_are_listed_and_replaced(
    tmp_path: Path, sampling: Sampling
) -> None:
    unusable = frozenset(range(0, 2 * PER_CLASS, 3))
    spoilt = write_parquet(tmp_path / "spoilt", unusable=unusable)
    summary = draw(spoilt, tmp_path / "out", per_class=22, sampling=sampling)

    assert summary.pictures == {"ai": 22, "real": 22}
    with (tmp_path / "out" / "rejected.csv").open(newline="") as stream:
        rejected = list(csv.DictReader(stream))
    assert len(rejected) == summary.rejected > 0
    assert {row["status"] for row in rejected} == {"not_an_image"}
    assert {row["error"] for row in rejected} == {"no supported image format"}
    assert [row["item"] for row in rejected] == sorted(row["item"] for row in rejected)
    kept = {Path(row["file"]).stem for row in manifest_rows(tmp_path / "out")}
    assert kept.isdisjoint(row["item"] for row in rejected)


def test_too_few_pictures_are_an_error_with_the_counts_and_nothing_is_written(
    parquet: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = trustthepixels("prepare-data", parquet, "--out", out)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: too few pictures: 36 of class 'ai' and 36 of class 'real', where 5000 of each are "
        "needed; ask for fewer with --per-class\n"
    )
    assert not out.exists()


@pytest.mark.parametrize("sampling", list(Sampling))
def test_too_few_usable_pictures_are_an_error_that_points_to_the_list(
    tmp_path: Path, sampling: Sampling
) -> None:
    spoilt = write_parquet(tmp_path / "spoilt", unusable=frozenset(range(10)))

    with pytest.raises(InputError, match=r"26 of class 'ai'.*10 could not be used, see .*rejected"):
        draw(spoilt, tmp_path / "out", per_class=30, sampling=sampling)
    assert not (tmp_path / "out" / "manifest.csv").exists()
    assert len((tmp_path / "out" / "rejected.csv").read_text().splitlines()) == 11


def test_a_picture_too_wide_for_jpeg_is_rejected(tmp_path: Path) -> None:
    write_folders(tmp_path / "in")
    Image.new("RGB", (65_600, 1)).save(tmp_path / "in" / "AI" / "wide.png")
    summary = draw(tmp_path / "in", tmp_path / "out", per_class=None)

    assert summary.rejected == 1
    assert "cannot be written as JPEG" in (tmp_path / "out" / "rejected.csv").read_text()


def test_labels_may_be_words_and_other_classes_are_left_out(tmp_path: Path) -> None:
    text = write_parquet(
        tmp_path / "text", datasets.Value("string"), {"ai": "AI_art", "real": "real photo"}
    )
    numbers = write_parquet(tmp_path / "numbers", datasets.Value("int64"), {"ai": 1, "real": 0})
    three = write_parquet(
        tmp_path / "three",
        datasets.ClassLabel(names=["real", "painting", "fake"]),
        {"ai": 2, "real": 1},
    )

    assert draw(text, tmp_path / "a").pictures == {"ai": 20, "real": 20}
    with pytest.raises(InputError, match="its labels are '0', '1'; say which with --ai-label"):
        draw(numbers, tmp_path / "b")
    assert draw(numbers, tmp_path / "b", ai_labels=("1",), real_labels=("0",)).rejected == 0
    with pytest.raises(InputError, match="36 of class 'ai' and 0 of class 'real'"):
        draw(three, tmp_path / "c")


def test_doubtful_labels_are_an_error_that_lists_them(
    tmp_path: Path,
) -> None:
    doubtful = write_parquet(
        tmp_path / "doubtful", datasets.ClassLabel(names=["fake", "real", "generated"])
    )

    with pytest.raises(InputError, match="may mean 'ai': 'fake', 'generated'; say which with --ai"):
        draw(doubtful, tmp_path / "out")
    assert draw(doubtful, tmp_path / "out", ai_labels=("fake",)).pictures == {"ai": 20, "real": 20}


def test_rows_without_a_label_are_no_candidates(tmp_path: Path) -> None:
    unlabelled = write_parquet(
        tmp_path / "unlabelled", datasets.Value("string"), {"ai": None, "real": "real"}
    )

    with pytest.raises(InputError, match="no label of the data set means 'ai'"):
        draw(unlabelled, tmp_path / "out")


def test_a_column_may_name_groups_and_sources(parquet: Path, tmp_path: Path) -> None:
    draw(parquet, tmp_path / "out", None, group_column="prompt", source_column="prompt")

    rows = manifest_rows(tmp_path / "out")
    assert {row["group"] for row in rows} == {crop.origin for crop in crops()}
    assert all(row["source"] == row["group"] for row in rows)
    parts = {(row["group"], row["split"]) for row in rows}
    assert len(parts) == len({row["group"] for row in rows})


def test_the_column_of_splits_is_the_one_that_training_would_make(
    parquet: Path, tmp_path: Path
) -> None:
    draw(parquet, tmp_path / "out", None)

    splits = split_by_group(load_samples(tmp_path / "out"), 42)
    assert {row["file"]: row["split"] for row in manifest_rows(tmp_path / "out")} == splits
    assert {str(split) for split in splits.values()} == {"train", "validation", "test"}


def test_too_few_groups_leave_the_splits_empty_and_say_so(parquet: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(prepare_data, [str(parquet), f"--out={out}", "--per-class=3"])

    assert done.exit_code == 0
    assert "too few groups to split" in done.stderr
    assert {row["split"] for row in manifest_rows(out)} == {""}


def test_another_folders_content_is_never_touched(parquet: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    done = trustthepixels("prepare-data", parquet, "--out", tmp_path / "mine")

    assert (done.returncode, done.stdout) == (2, "")
    assert "is not empty" in done.stderr
    assert tree(tmp_path / "mine") == {"notes.txt": b"keep"}


def test_a_finished_folder_is_left_alone_and_other_settings_are_refused(
    parquet: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = draw(parquet, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}

    assert draw(parquet, out) == first
    with pytest.raises(OutputError, match=r"\(seed differ\)"):
        draw(parquet, out, seed=1)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"label_column": "labels"},
            "no column 'labels'; its columns are image, label, prompt",
        ),
        ({"image_column": "pixels"}, "no column 'pixels'"),
        ({"group_column": "scene"}, "no column 'scene'"),
        ({"split": "test"}, "has the splits train; say which with --split"),
        ({"ai_labels": ("sdxl",)}, "no label 'sdxl'; its labels are 'fake', 'real'"),
    ],
)
def test_what_the_data_set_does_not_have_is_an_error_that_lists_what_it_has(
    parquet: Path, tmp_path: Path, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        draw(parquet, tmp_path / "out", **request_)


@pytest.mark.parametrize("content", [b"", b"PAR1 but not really"])
def test_a_damaged_parquet_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.parquet").write_bytes(content)

    with pytest.raises(InputError, match=r"^cannot read the data set bad\.parquet: [^\n]+$"):
        draw(tmp_path / "bad.parquet", tmp_path / "out")


def test_names_that_look_like_patterns_are_read_or_refused(parquet: Path, tmp_path: Path) -> None:
    both = datasets.Dataset.from_parquet([str(file) for file in sorted(parquet.iterdir())])
    odd = tmp_path / "set [1]"
    odd.mkdir()
    both.to_parquet(odd / "pictures*.parquet")

    assert draw(odd / "pictures*.parquet", tmp_path / "out").pictures == {"ai": 20, "real": 20}
    with pytest.raises(InputError, match="rename the folder"):
        draw(odd, tmp_path / "other")


def test_folders_cannot_be_streamed(tmp_path: Path) -> None:
    write_folders(tmp_path / "in")
    source = FolderSource([tmp_path / "in" / "AI"], [tmp_path / "in" / "Real"])

    with pytest.raises(UsageError, match="only a data set can be streamed"):
        prepare(source, tmp_path / "out", PrepareSettings(10, sampling=Sampling.STREAMED))


@given(st.lists(st.text(max_size=8), unique=True, max_size=30), st.integers(), st.data())
def test_the_draw_depends_on_the_keys_and_the_seed_alone(
    keys: list[str], seed: int, data: st.DataObject
) -> None:
    drawn = shuffled(keys, seed)

    assert sorted(drawn) == sorted(keys)
    assert shuffled(data.draw(st.permutations(keys)), seed) == drawn
    some = data.draw(st.sets(st.sampled_from(keys))) if keys else set()
    assert shuffled(some, seed) == [key for key in drawn if key in some]
