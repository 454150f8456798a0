"""A data set is rebuilt from pinned commits of git repositories, here of local ones."""

import csv
import io
import subprocess
from pathlib import Path

import pytest
from in_process import trustthepixels
from picture_sets import crops, manifest_rows, tree
from PIL import Image

from trustthepixels.train.data.manifest import load_samples

COLUMNS = ("class", "source", "group", "repo", "path", "commit", "blob10", "box")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "pictures")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repositories(tmp_path: Path) -> dict[str, Path]:
    """One repository for each class, twelve pictures and a large file that nobody wants."""
    made = {}
    for label in ("ai", "real"):
        folder = tmp_path / f"{label}-pictures"
        folder.mkdir()
        git(folder, "init", "-q")
        git(folder, "config", "uploadpack.allowFilter", "true")
        git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
        for crop in [crop for crop in crops() if crop.label == label][:12]:
            (folder / f"my {crop.name}").write_bytes(crop.data)
        (folder / "unwanted.bin").write_bytes(bytes(range(256)) * 4096)
        made[label] = folder
    return made


def rows_of(repositories: dict[str, Path]) -> list[dict[str, str]]:
    rows = []
    for label, folder in repositories.items():
        pinned = commit(folder)
        for path in sorted(folder.glob("my *")):
            blob = git(folder, "hash-object", path.name)
            what = (label, f"{label} source", path.name[:8])
            values = (*what, folder, path.name, pinned, blob[:10], "")
            rows.append(dict(zip(COLUMNS, map(str, values), strict=True)))
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def prepared(manifest: Path, out: Path):
    return trustthepixels("prepare-data", "--git-manifest", manifest, "--out", out)


def test_pinned_pictures_are_fetched_and_nothing_else(repositories, tmp_path):
    manifest = write(tmp_path / "sources.csv", rows_of(repositories))
    for folder in repositories.values():
        # What came later is of no interest.
        for path in folder.glob("my *"):
            path.unlink()
        commit(folder)
    done = prepared(manifest, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rows = manifest_rows(tmp_path / "out")
    assert len(rows) == 24
    assert {(row["class"], row["source"]) for row in rows} == {
        ("ai", "ai source"),
        ("real", "real source"),
    }
    for folder in (tmp_path / "out.repositories").iterdir():
        kept = git(folder, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
        assert kept.split().count("blob") == 12


def test_a_run_that_was_interrupted_goes_on_to_the_same_files(repositories, tmp_path):
    manifest = write(tmp_path / "sources.csv", rows_of(repositories))
    away = repositories["real"].rename(tmp_path / "away")
    done = prepared(manifest, tmp_path / "out")
    assert done.returncode == 2
    assert "git fetch failed" in done.stderr
    assert done.stderr.count("\n") == 1
    away.rename(repositories["real"])
    # Whatever is there already is not asked for again.
    repositories["ai"].rename(tmp_path / "gone")
    assert prepared(manifest, tmp_path / "out").returncode == 0
    (tmp_path / "gone").rename(repositories["ai"])
    assert prepared(manifest, tmp_path / "whole").returncode == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_another_picture_than_the_listed_one_is_rejected(repositories, tmp_path):
    rows = rows_of(repositories)
    rows[0]["blob10"] = "0123456789"
    rows[1]["path"] = "absent.jpg"
    assert prepared(write(tmp_path / "sources.csv", rows), tmp_path / "out").returncode == 0
    with (tmp_path / "out" / "rejected.csv").open(newline="") as stream:
        errors = [row["error"] for row in csv.DictReader(stream)]
    assert len(errors) == 2
    assert sum("has changed since the list" in error for error in errors) == 1
    assert sum("has no absent.jpg at this commit" in error for error in errors) == 1
    assert len(manifest_rows(tmp_path / "out")) == 22


def test_a_box_takes_a_part_of_a_grid(repositories, tmp_path):
    rows = rows_of(repositories)
    whole = rows[0]
    rows += [whole | {"box": "0;0;24;20"}, whole | {"box": "24,20,48,40"}]
    assert prepared(write(tmp_path / "sources.csv", rows), tmp_path / "out").returncode == 0
    sizes = []
    for name, content in tree(tmp_path / "out").items():
        if name.endswith(".jpg"):
            sizes.append(Image.open(io.BytesIO(content)).size)
    assert sizes.count((24, 20)) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"class": "robot"}, "a row is damaged"), ({"box": "1;2"}, "a box needs four numbers")],
)
def test_a_damaged_list_is_one_line(repositories, tmp_path, change, reason):
    rows = rows_of(repositories)
    rows[3] |= change
    done = prepared(write(tmp_path / "sources.csv", rows), tmp_path / "out")
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_original_files_are_kept_byte_for_byte(repositories, tmp_path):
    rows = rows_of(repositories)
    rows[0]["box"] = "10;20;90;80"
    manifest = write(tmp_path / "sources.csv", rows)
    out = tmp_path / "out"
    options = ("--git-manifest", manifest, "--out", out, "--files", "original")
    assert trustthepixels("prepare-data", *options).returncode == 0
    published = {
        path.read_bytes() for folder in repositories.values() for path in folder.glob("my *")
    }
    written = manifest_rows(out)
    parts = [row for row in written if (out / row["file"]).read_bytes() not in published]
    assert len(written) == 24
    assert len(parts) == 1
    assert parts[0]["file"].endswith(".png")
    with Image.open(out / parts[0]["file"]) as part:
        assert part.size == (80, 60)
    suffixes = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
    for row in written:
        assert Path(row["file"]).suffix == suffixes[row["original_format"]]
    # The same folder does not take up a run with other files.
    other = prepared(manifest, out)
    assert other.returncode == 2
    assert "kind_of_files" in other.stderr
    assert {sample.file for sample in load_samples(out)} == {row["file"] for row in written}


def test_a_quality_for_original_files_is_refused(repositories, tmp_path):
    manifest = write(tmp_path / "sources.csv", rows_of(repositories))
    options = ("--git-manifest", manifest, "--out", tmp_path / "out", "--files", "original")
    done = trustthepixels("prepare-data", *options, "--quality", "80")
    assert done.returncode == 2
    assert "without --quality" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("kind", "suffix"), [("GIF", "gif"), ("TIFF", "tiff"), ("AVIF", "avif")])
def test_original_files_end_as_their_format_is_called(repositories, tmp_path, kind, suffix):
    path = next(repositories["ai"].glob("my *"))
    with Image.open(path) as picture:
        picture.convert("RGB").save(path, kind)
    manifest = write(tmp_path / "sources.csv", rows_of(repositories))
    out = tmp_path / "out"
    options = ("--git-manifest", manifest, "--out", out, "--files", "original")
    assert trustthepixels("prepare-data", *options).returncode == 0
    (kept,) = (out / "AI").glob(f"*.{suffix}")
    assert kept.read_bytes() == path.read_bytes()
