"""Files that a scan finds, and their order."""

import os
import socket
import subprocess
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.files.folders import sorted_in_parts
from trustthepixels.infer.files.left_out import LeftOut
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.files.walk import Found, walk
from trustthepixels.infer.images.formats.registry import image_extensions, known_extensions
from trustthepixels.infer.results import FileStatus


def touch(root: Path, *names: str | bytes) -> None:
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def paths(*roots: str | bytes | Path, **options) -> list[bytes]:
    found = list(walk([os.fsencode(root) for root in roots], WalkOptions(**options)))
    assert not [item for item in found if item.failure is not None]
    return [item.path for item in found]


def left_out(*roots: str, **options) -> LeftOut:
    counts = LeftOut()
    for _ in walk([os.fsencode(root) for root in roots], WalkOptions(**options), counts):
        pass
    return counts


def failures(found: Iterable[Found]) -> list[tuple[bytes, FileStatus, str]]:
    return [
        (item.path, item.failure.status, item.failure.reason)
        for item in found
        if item.failure is not None
    ]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the user stands in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def deep(here: Path) -> Iterator[Path]:
    """A folder for trees that Python's own ``rmtree``, which pytest calls, cannot remove."""
    (here / "deep").mkdir()
    os.chdir("deep")
    yield here / "deep"
    subprocess.run(["rm", "-rf", here / "deep"], check=True)


class TestWhichFiles:
    def test_files_in_folders_are_found_by_their_extension_in_any_case(self, here):
        images = [
            "a.jpg",
            "b.JPEG",
            "c.png",
            "d.webp",
            "e.gif",
            "f.bmp",
            "g.tif",
            "h.TIFF",
            "i.avif",
        ]
        touch(here, *images, "notes.txt", "jpg", "archive.jpg.zip", "photo.jpg~")
        assert paths(".") == [name.encode() for name in images]

    def test_a_file_that_is_named_is_found_whatever_its_extension(self, here):
        touch(here, "picture", "sub/other.dat")
        assert paths("picture", "sub/other.dat") == [b"picture", b"sub/other.dat"]

    def test_hidden_files_and_folders_are_found_like_others(self, here):
        touch(here, ".hidden.jpg", ".cache/a.jpg", "b.jpg", ".jpg")
        assert paths(".") == [b".cache/a.jpg", b".hidden.jpg", b".jpg", b"b.jpg"]

    def test_hidden_files_and_folders_can_be_left_out(self, here):
        touch(here, ".hidden.jpg", ".cache/a.jpg", "b.jpg")
        assert paths(".", exclude=(".*",)) == [b"b.jpg"]

    def test_a_folder_with_the_name_of_an_image_is_a_folder(self, here):
        touch(here, "trip.jpg/a.jpg")
        assert paths(".") == [b"trip.jpg/a.jpg"]

    def test_special_files_are_found_so_that_they_get_a_row(self, here):
        os.mkfifo(here / "pipe.jpg")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.jpg")
            assert paths(".") == [b"pipe.jpg", b"socket.jpg"]

    def test_the_output_is_not_found_by_its_name_nor_through_a_link_nor_when_named(self, here):
        touch(here, "a.jpg", "rows.jpg")
        Path("link.jpg").symlink_to("rows.jpg")
        status = Path("rows.jpg").stat()
        never = frozenset({(status.st_dev, status.st_ino)})
        assert paths(".", "rows.jpg", never=never) == [b"a.jpg"]

    def test_a_root_that_does_not_exist_is_reported(self, here):
        touch(here, "a.jpg")
        found = list(walk([b"missing", b"a.jpg"], WalkOptions()))
        assert failures(found) == [
            (b"missing", FileStatus.MISSING, "ENOENT: No such file or directory")
        ]
        assert found[1] == Found(b"a.jpg")

    def test_a_path_with_a_nul_byte_is_reported(self, here):
        assert failures(walk([b"a\0b"], WalkOptions())) == [
            (b"a\0b", FileStatus.UNREADABLE, "the path contains a NUL byte")
        ]


class TestPatterns:
    @pytest.fixture(autouse=True)
    def tree(self, here):
        touch(here, "t/2023/a.jpg", "t/2023/b.png", "t/2024/a.jpg", "t/2024/raw/c.jpg", "t/d.jpg")

    def test_include_narrows_the_files_by_name(self):
        assert paths("t", include=("*.png", "d*")) == [b"t/2023/b.png", b"t/d.jpg"]

    def test_exclude_leaves_out_files_and_whole_folders_by_name(self):
        assert paths("t", exclude=("raw", "*.png")) == [
            b"t/2023/a.jpg",
            b"t/2024/a.jpg",
            b"t/d.jpg",
        ]

    def test_a_pattern_with_a_slash_is_matched_below_the_named_folder(self):
        assert paths("t", exclude=("2024/raw/", "2023/*")) == [b"t/2024/a.jpg", b"t/d.jpg"]

    def test_exclude_wins_over_include(self):
        assert paths("t", include=("a.jpg",), exclude=("2023",)) == [b"t/2024/a.jpg"]

    def test_what_is_named_is_scanned_whatever_the_patterns(self):
        assert paths("t/2023/b.png", exclude=("*.png", "2023")) == [b"t/2023/b.png"]
        assert paths("t/2023", exclude=("2023",)) == [b"t/2023/a.jpg", b"t/2023/b.png"]

    def test_case_does_not_count(self, here):
        touch(here, "u/A.JPG", "u/a.jpg", "u/RAW/b.jpg")
        assert paths("u", include=("*.Jpg",), exclude=("raw",)) == [b"u/A.JPG", b"u/a.jpg"]

    def test_two_stars_and_a_slash_are_any_folders_or_none(self):
        assert paths("t", include=("**/*.jpg",)) == [
            *(b"t/2023/a.jpg", b"t/2024/a.jpg", b"t/2024/raw/c.jpg", b"t/d.jpg")
        ]
        assert paths("t", include=("2024/**/*.jpg",)) == [b"t/2024/a.jpg", b"t/2024/raw/c.jpg"]

    def test_a_star_does_not_match_slashes_and_a_slash_in_front_is_the_named_folder(self):
        assert paths("t", exclude=("2*/a.jpg",)) == [
            *(b"t/2023/b.png", b"t/2024/raw/c.jpg", b"t/d.jpg")
        ]
        assert paths("t", include=("/*.jpg",)) == [b"t/d.jpg"]

    def test_a_slash_at_the_end_is_a_folder_and_all_below_it(self, here):
        touch(here, "t/raw.jpg/x.jpg", "t/d/raw.jpg")
        assert paths("t", include=("raw.jpg/",)) == [b"t/raw.jpg/x.jpg"]
        assert b"t/d/raw.jpg" in paths("t", exclude=("raw.jpg/",))

    def test_an_exclamation_mark_takes_back(self):
        assert paths("t", exclude=("*.jpg", "!d.jpg")) == [b"t/2023/b.png", b"t/d.jpg"]

    def test_a_hash_in_front_is_no_comment(self, here):
        touch(here, "n/#recycle/a.jpg", "n/b.jpg")
        assert paths("n", exclude=("#recycle",)) == [b"n/b.jpg"]

    def test_names_with_line_feeds_are_matched_like_others(self, here):
        touch(here, "l/a\nb/c\nd.jpg")
        assert paths("l", include=("c*.jpg",)) == [b"l/a\nb/c\nd.jpg"]

    @pytest.mark.parametrize("pattern", ["", "/", "[", "a\\"])
    def test_what_is_no_pattern_is_a_usage_error(self, pattern):
        with pytest.raises(UsageError, match="is not a pattern"):
            walk([b"t"], WalkOptions(exclude=(pattern,)))

    def test_patterns_that_match_nothing_are_named(self):
        assert left_out("t", include=("*.jpg", "*.gif"), exclude=("raw", "2025/")).patterns == [
            *("--include '*.gif'", "--exclude '2025/'")
        ]


class TestPicturesByName:
    NAMES = (
        *("jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "mpo", "png", "apng", "webp", "gif"),
        *("bmp", "dib", "tif", "tiff", "avif", "avifs", "heic", "heif", "hif", "jxl", "jp2"),
    )

    def test_every_extension_of_pictures_is_found_whatever_can_be_decoded(self, here):
        touch(here, *(f"x.{extension}" for extension in self.NAMES))
        assert len(paths(".")) == len(self.NAMES)

    def test_what_can_be_decoded_is_known(self):
        assert image_extensions() <= known_extensions()

    def test_files_left_out_by_name_are_counted(self, here):
        touch(here, "a.jpg", "notes.txt", "sub/b", "sub/image.jpg?width=300", "raw/c.txt")
        assert left_out(".").no_pictures == 4
        assert left_out(".", exclude=("raw",)).no_pictures == 3

    def test_each_is_counted_once_in_a_folder_that_is_sorted_in_parts(self, here, monkeypatch):
        monkeypatch.setattr(sorted_in_parts, "__defaults__", (2,))
        touch(here, *(f"{number}.{end}" for number in range(9) for end in ("jpg", "txt")))
        assert left_out(".").no_pictures == 9

    def test_any_name_has_the_first_bytes_decide(self, here):
        touch(here, "a.jpg", "empty", "locked/x")
        Path("image.jpg?width=300").write_bytes(b"\xff\xd8\xff\xe0" + bytes(40))
        Path("no-extension").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
        Path("BMW.txt").write_bytes(b"BMW is a company that makes cars, among others")
        Path("bitmap").write_bytes(b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(40))
        os.mkfifo("pipe")
        wanted = [b"a.jpg", b"bitmap", b"image.jpg?width=300", b"no-extension"]
        assert paths(".", any_name=True) == wanted
        assert left_out(".", any_name=True) == LeftOut(no_content=4)
        assert paths(".", "no-extension", any_name=True) == wanted

    def test_any_name_reports_what_cannot_be_read(self, here, monkeypatch):
        touch(here, "unknown")

        def refuse(*_arguments, **_options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        assert paths(".", any_name=True) == [b"unknown"]


class TestSystemFiles:
    LEFT = ("._a.jpg", "@eaDir/a.jpg/b.jpg", ".thumbnails/c.png", "d/Thumbs.db", "d/.DS_Store")

    def test_they_are_passed_over_and_counted(self, here):
        touch(here, "a.jpg", "d/b.jpg", *self.LEFT)
        assert paths(".") == [b"a.jpg", b"d/b.jpg"]
        assert left_out(".") == LeftOut(no_pictures=0, system_files=5)

    def test_they_are_found_on_request(self, here):
        touch(here, "a.jpg", *self.LEFT)
        assert paths(".", system_files=True) == [
            *(b"._a.jpg", b".thumbnails/c.png", b"@eaDir/a.jpg/b.jpg", b"a.jpg")
        ]

    def test_they_are_found_when_named(self, here):
        touch(here, *self.LEFT)
        assert paths("._a.jpg", "@eaDir") == [b"._a.jpg", b"@eaDir/a.jpg/b.jpg"]


class TestPathsAndOrder:
    def test_paths_are_as_the_user_would_type_them(self, here):
        touch(here, "photos/a.jpg")
        assert paths("photos") == paths("photos/") == paths("photos//") == [b"photos/a.jpg"]
        assert paths("./photos") == [b"./photos/a.jpg"]
        assert paths(".") == paths("./") == [b"photos/a.jpg"]
        assert paths(here) == [os.fsencode(here) + b"/photos/a.jpg"]
        os.chdir("photos")
        assert paths("..") == [b"../photos/a.jpg"]

    def test_entries_come_by_the_bytes_of_their_names_with_sub_folders_at_their_place(self, here):
        touch(here, "b.jpg", "a/z.jpg", "a.jpg", "B.jpg", "ä.jpg", b"\xff.jpg", "c/a.jpg", "a-.jpg")
        assert paths(".") == [
            b"B.jpg",
            b"a/z.jpg",
            b"a-.jpg",
            b"a.jpg",
            b"b.jpg",
            b"c/a.jpg",
            "ä.jpg".encode(),
            b"\xff.jpg",
        ]

    def test_roots_come_in_the_order_in_which_they_are_named(self, here):
        touch(here, "b/1.jpg", "a/1.jpg", "c.jpg")
        assert paths("c.jpg", "b", "a") == [b"c.jpg", b"b/1.jpg", b"a/1.jpg"]

    def test_the_tree_is_not_listed_before_the_first_file_is_found(self, here):
        touch(here, "a/1.jpg", "b/1.jpg")
        found = walk([b"."], WalkOptions())
        assert next(found).path == b"a/1.jpg"
        touch(here, "b/2.jpg")
        assert [item.path for item in found] == [b"b/1.jpg", b"b/2.jpg"]

    def test_roots_are_asked_for_one_by_one(self, here):
        touch(here, "1.jpg", "2.jpg", "3.jpg", "4.jpg")
        asked = []
        roots = (asked.append(n) or b"%d.jpg" % n for n in range(1, 5))
        found = walk(roots, WalkOptions())
        next(found)
        assert asked == [1]

    @given(
        st.sets(st.binary(min_size=1, max_size=3)),
        st.integers(min_value=1, max_value=10),
    )
    def test_a_folder_larger_than_memory_is_sorted_in_parts(self, names, size):
        listing = partial(iter, [(name, False) for name in names])
        assert [name for name, _ in sorted_in_parts(listing, size)] == sorted(names)


class TestLinks:
    def test_links_to_files_are_followed(self, here):
        touch(here, "store/1", "photos/x.txt")
        Path("photos/a.jpg").symlink_to("../store/1")
        assert paths("photos") == [b"photos/a.jpg"]

    def test_a_link_to_nothing_is_found_so_that_it_gets_a_row(self, here):
        Path("a.jpg").symlink_to("nowhere")
        Path("b.jpg").symlink_to("b.jpg")
        assert paths(".") == [b"a.jpg", b"b.jpg"]

    def test_links_to_folders_are_not_followed(self, here):
        touch(here, "store/1.jpg", "photos/2.jpg")
        Path("photos/link.jpg").symlink_to("../store")
        assert paths("photos") == [b"photos/2.jpg"]

    def test_a_link_to_a_folder_that_is_named_is_followed(self, here):
        touch(here, "store/1.jpg")
        Path("link").symlink_to("store")
        assert paths("link") == [b"link/1.jpg"]

    def test_links_to_folders_are_followed_on_request_and_loops_end(self, here):
        touch(here, "photos/2.jpg", "store/1.jpg")
        Path("photos/a-link").symlink_to("../store")
        Path("photos/loop").symlink_to("..")
        Path("store/self").symlink_to(".")
        assert paths("photos", follow_links=True) == [b"photos/2.jpg", b"photos/a-link/1.jpg"]

    def test_links_that_multiply_paths_do_not_multiply_files(self, here):
        touch(here, "d20/a.jpg")
        for depth in range(20):
            Path(f"d{depth}").mkdir()
            Path(f"d{depth}/left").symlink_to(f"../d{depth + 1}")
            Path(f"d{depth}/right").symlink_to(f"../d{depth + 1}")
        assert paths("d0", follow_links=True) == [b"d0" + b"/left" * 20 + b"/a.jpg"]


class TestOverlap:
    def test_a_root_below_another_is_not_walked_twice(self, here):
        touch(here, "a/1.jpg", "a/b/2.jpg")
        assert paths("a", "a/b", "a/b/2.jpg", "a/../a") == [b"a/1.jpg", b"a/b/2.jpg"]
        assert paths("a/b/2.jpg", "a/b", "a") == [b"a/b/2.jpg", b"a/1.jpg"]

    def test_a_file_that_the_walk_passed_over_is_found_when_it_is_named(self, here):
        touch(here, "a/notes.txt", "a/x.jpg")
        assert paths("a", "a/notes.txt", "a/notes.txt") == [b"a/x.jpg", b"a/notes.txt"]
        assert paths("a", "a/x.jpg", "a/x.jpg", exclude=("x*",)) == [b"a/x.jpg"]

    def test_two_names_of_one_file_are_two_files(self, here):
        touch(here, "a.jpg")
        Path("b.jpg").hardlink_to("a.jpg")
        assert paths(".", "b.jpg") == [b"a.jpg", b"b.jpg"]

    NAMES = ("1.jpg", "a/1.jpg", "a/2.jpg", "a/b/1.jpg", "a/b/c/1.jpg", "d/1.jpg", "d/e/1.jpg")
    FOLDERS = (".", "a", "a/b", "a/b/c", "d", "d/e", "./a/", "a/../d")

    @settings(deadline=None)
    @given(
        roots=st.lists(st.sampled_from(NAMES + FOLDERS), min_size=1),
        follow_links=st.booleans(),
    )
    def test_every_file_is_found_once_whatever_roots_reach_it(
        self, tmp_path_factory, roots, follow_links
    ):
        tree = tmp_path_factory.mktemp("tree")
        touch(tree, *self.NAMES)
        reached = {
            name
            for name in self.NAMES
            for root in roots
            if (tree / name).is_relative_to((tree / root).resolve())
        }
        found = paths(*(tree / root for root in roots), follow_links=follow_links)
        resolved = [Path(os.fsdecode(path)).resolve() for path in found]
        assert sorted(resolved) == sorted((tree / name).resolve() for name in reached)


class TestTrouble:
    def test_a_folder_that_cannot_be_listed_is_reported_and_the_walk_goes_on(
        self, here, monkeypatch
    ):
        touch(here, "a/1.jpg", "locked/1.jpg", "z.jpg")
        scandir = os.scandir

        def refuse(path):
            if path == b"locked":
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        found = list(walk([b"."], WalkOptions()))
        assert [item.path for item in found] == [b"a/1.jpg", b"locked", b"z.jpg"]
        assert failures(found) == [
            (
                b"locked",
                FileStatus.UNREADABLE,
                "the folder cannot be listed: EACCES: Permission denied",
            )
        ]

    def test_a_folder_that_vanishes_during_the_walk_is_reported(self, here):
        touch(here, "a.jpg", "b/1.jpg", "c.jpg")
        found = walk([b"."], WalkOptions())
        assert next(found).path == b"a.jpg"
        Path("b/1.jpg").unlink()
        Path("b").rmdir()
        rest = list(found)
        assert [(path, status) for path, status, _ in failures(rest)] == [
            (b"b", FileStatus.VANISHED)
        ]
        assert rest[-1].path == b"c.jpg"

    def test_trees_deeper_than_a_path_may_be_long_are_walked(self, deep):
        depth, name = 30, "d" * 200
        descriptor = os.open(deep, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=descriptor)
            deeper = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        os.close(os.open("a.jpg", os.O_CREAT, dir_fd=descriptor))
        os.close(descriptor)
        assert paths(".") == [b"/".join([name.encode()] * depth + [b"a.jpg"])]

    def test_a_tree_deeper_than_the_interpreter_recurses_is_walked(self, deep):
        bottom = Path(*["d"] * 1100)
        for end in range(100, 1101, 100):
            Path(*["d"] * end).mkdir(parents=True)
        touch(deep, str(bottom / "a.jpg"))
        assert paths(".") == [os.fsencode(bottom / "a.jpg")]
