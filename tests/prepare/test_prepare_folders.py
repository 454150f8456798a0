"""``prepare-data`` on plain folders: groups by rule or manifest, and splits that respect them."""

import os
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import trustthepixels
from picture_sets import PER_CLASS, crops, manifest_rows, write_folders

from trustthepixels.infer.errors import InputError, UsageError
from trustthepixels.train.prepare.grouping import GroupKind, GroupRule, parse_group_rule
from trustthepixels.train.prepare.run import PrepareSettings, prepare
from trustthepixels.train.prepare.sources.from_folders import FolderSource

ALL = PrepareSettings(per_class=None)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return write_folders(tmp_path / "in")


def source_of(folders: Path, rule: str | None = None) -> FolderSource:
    parsed = None if rule is None else parse_group_rule(rule)
    return FolderSource([folders / "AI"], [folders / "Real"], parsed)


def parts_of_groups(out: Path) -> dict[str, set[str]]:
    parts = defaultdict(set)
    for row in manifest_rows(out):
        parts[row["group"]].add(row["split"])
    return dict(parts)


def test_the_command_takes_plain_folders_and_groups_their_pictures(
    folders: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = trustthepixels(
        "prepare-data", "--ai", folders / "AI", "--real", folders / "Real",
        "--out", out, "--per-class", "all", "--group-by", "prefix:_",
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {out}: {PER_CLASS} ai, {PER_CLASS} real (")
    parts = parts_of_groups(out)
    assert set(parts) == {crop.origin for crop in crops()}
    assert all(len(part) == 1 for part in parts.values())
    assert set.union(*parts.values()) == {"train", "validation", "test"}
    assert {row["source"] for row in manifest_rows(out)} == {"AI", "Real"}
    assert all(Path(row["file"]).name.startswith(row["group"]) for row in manifest_rows(out))


def test_without_a_rule_only_exact_copies_belong_together(folders: Path, tmp_path: Path) -> None:
    copies = sorted((folders / "AI").iterdir())[:5]
    for copy in copies:
        (folders / "Real" / f"copy of {copy.name}").write_bytes(copy.read_bytes())
    prepare(source_of(folders), tmp_path / "out", ALL)

    rows = manifest_rows(tmp_path / "out")
    assert len(rows) == 2 * PER_CLASS + 5
    assert len({row["group"] for row in rows}) == 2 * PER_CLASS
    assert all(len(part) == 1 for part in parts_of_groups(tmp_path / "out").values())


def test_the_folder_rule_keeps_each_folder_whole(folders: Path, tmp_path: Path) -> None:
    for folder in ("AI", "Real"):
        for path in sorted((folders / folder).iterdir()):
            scene = folders / folder / path.stem.rpartition("_")[0]
            scene.mkdir(exist_ok=True)
            path.rename(scene / path.name)
    prepare(source_of(folders, "folder"), tmp_path / "out", ALL)

    assert set(parts_of_groups(tmp_path / "out")) == {crop.origin for crop in crops()}


def test_a_manifest_beside_the_folders_gives_source_and_group(
    folders: Path, tmp_path: Path
) -> None:
    lines = ["file,class,source,group"]
    for path in sorted(folders.glob("*/*_[012].*")):
        scene = path.stem.rpartition("_")[0]
        lines.append(f"{path.relative_to(folders)},{path.parent.name.lower()},studio,scene {scene}")
    (folders / "manifest.csv").write_text("\n".join(lines) + "\n")
    prepare(source_of(folders), tmp_path / "out", ALL)

    listed = [row for row in manifest_rows(tmp_path / "out") if row["source"] == "studio"]
    others = [row for row in manifest_rows(tmp_path / "out") if row["source"] != "studio"]
    assert {row["group"] for row in listed} == {f"scene {crop.origin}" for crop in crops()}
    assert len(others) == 18
    assert {row["source"] for row in others} == {"AI", "Real"}
    assert all(row["group"].startswith("sha256:") for row in others)


def test_a_group_that_is_named_after_a_picture_keeps_it(folders: Path, tmp_path: Path) -> None:
    paths = sorted(folders.glob("*/*.*"))
    lines = ["file,class,source,group"]
    for path in paths:
        name = path.relative_to(folders).as_posix()
        # The second picture of each class belongs to the first.
        first = next(one for one in paths if one.parent == path.parent)
        group = first.relative_to(folders).as_posix() if path in paths[:2] else ""
        lines.append(f"{name},{path.parent.name.lower()},studio,{group}")
    (folders / "manifest.csv").write_text("\n".join(lines) + "\n")
    prepare(source_of(folders), tmp_path / "out", ALL)

    groups = Counter(row["group"] for row in manifest_rows(tmp_path / "out"))
    assert groups[paths[0].relative_to(folders).as_posix()] == 2


def test_a_rule_takes_the_place_of_the_manifest(folders: Path, tmp_path: Path) -> None:
    (folders / "manifest.csv").write_text("not,for\nus,at all\n")

    with pytest.raises(InputError, match="lacks the column"):
        source_of(folders)
    prepare(source_of(folders, "none"), tmp_path / "out", ALL)
    assert len(manifest_rows(tmp_path / "out")) == 2 * PER_CLASS


def test_a_manifest_that_contradicts_the_folder_is_an_error(folders: Path) -> None:
    first = sorted((folders / "AI").iterdir())[0]
    (folders / "manifest.csv").write_text(f"file,class\nAI/{first.name},real\n")

    with pytest.raises(InputError, match="is 'ai' by its folder, 'real' by its manifest"):
        source_of(folders)


def test_pictures_of_the_same_name_in_several_folders_are_all_kept(
    folders: Path, tmp_path: Path
) -> None:
    for number, crop in enumerate(crops()[:6]):
        for folder in ("a", "b/c", "b_c"):
            path = folders / "AI" / folder / f"same{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(crop.data)
    summary = prepare(source_of(folders), tmp_path / "out", ALL)

    assert summary.pictures == {"ai": PER_CLASS + 18, "real": PER_CLASS}
    assert len(list((tmp_path / "out" / "AI").iterdir())) == PER_CLASS + 18


@pytest.mark.skipif(os.name != "posix", reason="only there are names bytes")
def test_names_that_are_not_utf8_come_through_as_escapes(folders: Path, tmp_path: Path) -> None:
    odd = os.fsencode(folders / "AI") + b'/caf\xe9, "1".jpg'
    Path(os.fsdecode(odd)).write_bytes(b"no picture")
    scene = Path(os.fsdecode(os.fsencode(folders / "Real") + b"/\xff"))
    scene.mkdir()
    (scene / "ok.jpg").write_bytes(crops()[-1].data)
    prepare(source_of(folders, "folder"), tmp_path / "out", ALL)

    assert 'ai/0/caf\\xe9, ""1"".jpg' in (tmp_path / "out" / "rejected.csv").read_text("utf-8")
    assert "\\xff" in {row["group"] for row in manifest_rows(tmp_path / "out")}
    assert all(row["file"].isascii() for row in manifest_rows(tmp_path / "out"))


@pytest.mark.skipif(os.name != "posix", reason="links need no rights there")
def test_what_is_no_regular_file_is_rejected_and_never_waited_for(
    folders: Path, tmp_path: Path
) -> None:
    os.mkfifo(folders / "AI" / "pipe.jpg")
    summary = prepare(source_of(folders), tmp_path / "out", ALL)
    assert summary.rejected == 1
    assert "ai/0/pipe.jpg" in (tmp_path / "out" / "rejected.csv").read_text()


def test_a_file_that_cannot_be_read_is_listed(folders: Path, tmp_path: Path) -> None:
    (folders / "Real" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    summary = prepare(source_of(folders), tmp_path / "out", ALL)

    assert summary.rejected == 1
    assert (tmp_path / "out" / "rejected.csv").read_text().splitlines()[1] == (
        "real/0/broken.jpg,real,unreadable,a link to nothing (ENOENT: No such file or directory)"
    )


def test_folders_that_are_missing_or_overlap_are_errors(folders: Path) -> None:
    with pytest.raises(InputError, match=r"cannot list .*gone"):
        FolderSource([folders / "gone"], [folders / "Real"])
    for other in (folders / "AI", folders):
        with pytest.raises(UsageError, match="overlap"):
            FolderSource([folders / "AI"], [other])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ai", "in/AI"], "--ai DIR and --real DIR are needed together"),
        (["in", "--ai", "in/AI", "--real", "in/Real"], "either a data set or --ai DIR --real DIR"),
        (["--ai", "in/AI", "--real", "in/Real", "--ai-label", "x"], "--ai-label is for data sets"),
        (["--ai", "in/AI", "--real", "in/Real", "--group-by", "column:x"], "have no columns"),
        (
            ["--ai", "in/AI", "--real", "in/Real", "--group-by", "tiles"],
            "'tiles' is none of",
        ),
        (["in", "--group-by", "folder"], "--group-by folder is for --ai DIR --real DIR"),
        (["in", "--out", "in/out"], "lies inside the input in"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_read(
    folders: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    from trustthepixels.train.commands.prepare_data import prepare_data

    monkeypatch.chdir(folders.parent)
    with pytest.raises(UsageError, match=message):
        prepare_data.main(["--out", "out", *arguments], standalone_mode=False)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("rule", "path", "group"),
    [
        ("prefix:_", "castle_01.png", "castle"),
        ("prefix:_", "old_castle_01.png", "old_castle"),
        ("prefix:_", "towers/castle_01.png", "towers/castle"),
        ("prefix:-frame", "walk-frame0001.jpg", "walk"),
        ("prefix:_", "castle.png", "castle"),
        ("prefix:_", "_1.png", "_"),
        ("folder", "towers/castle_01.png", "towers"),
        ("folder", "old/towers/castle_01.png", "old/towers"),
        ("folder", "castle_01.png", "photos"),
        ("none", "castle_01.png", ""),
    ],
)
def test_rules_for_groups(rule: str, path: str, group: str) -> None:
    assert parse_group_rule(rule).of_file("photos", PurePosixPath(path)) == group


@pytest.mark.parametrize("text", ["", "tiles", "prefix", "prefix:", "column:", "none:", "folder:x"])
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--group-by"):
        parse_group_rule(text)


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@given(names.filter(lambda name: name not in (".", "..")), st.sampled_from("_-."))
def test_every_name_has_a_group_under_a_prefix_rule(name: str, separator: str) -> None:
    rule = GroupRule(GroupKind.PREFIX, separator)

    assert rule.of_file("photos", PurePosixPath("folder") / name)


def test_all_pictures_of_folders_are_taken_by_default(tmp_path):
    folders, out = write_folders(tmp_path / "in"), tmp_path / "out"
    chosen = ("--ai", folders / "AI", "--real", folders / "Real")
    done = trustthepixels("prepare-data", *chosen, "--out", out)
    assert done.returncode == 0, done.stderr
    assert len(manifest_rows(out)) == 2 * PER_CLASS
