"""Lists of files: lines or NUL-separated, as they come."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.files.lists import open_list

MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
names = st.binary(min_size=1).map(lambda path: path.replace(b"\0", b"_"))
names = names.filter(lambda path: not path.startswith(MARKS))
paths_in_lines = st.lists(
    names.map(lambda path: path.replace(b"\n", b"_").replace(b"\r", b"_")), min_size=1
)
paths_after_nul = st.lists(names.filter(lambda path: path != b"\n"), min_size=1)


def listed(path: Path) -> list[bytes]:
    with open_list(str(path)) as paths:
        return list(paths)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("list") / "list"


@given(paths=paths_in_lines)
def test_lines_are_paths(file, paths):
    file.write_bytes(b"\n".join(paths))
    assert listed(file) == paths
    file.write_bytes(b"".join(path + b"\n" for path in paths))
    assert listed(file) == paths


@given(paths=paths_after_nul)
def test_where_there_is_a_nul_it_separates_and_lines_do_not(file, paths):
    file.write_bytes(b"".join(path + b"\0" for path in paths))
    assert listed(file) == paths


def test_empty_lines_are_skipped_and_spaces_belong_to_the_name(file):
    file.write_bytes(b"\n\n a.jpg \n\nb.jpg\n\n")
    assert listed(file) == [b" a.jpg ", b"b.jpg"]


class TestFromWindows:
    @given(paths=paths_in_lines)
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_lines_end_with_cr_lf_and_a_mark_may_stand_in_front(self, file, mark, paths):
        file.write_bytes(mark + b"".join(path + b"\r\n" for path in paths))
        assert listed(file) == paths
        file.write_bytes(mark + b"\r\n".join(paths))
        assert listed(file) == paths

    def test_a_name_that_truly_ends_with_a_carriage_return_keeps_it(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path("odd.jpg\r").touch()
        Path("list").write_bytes(b"odd.jpg\r\nplain.jpg\r\n")
        assert listed(Path("list")) == [b"odd.jpg\r", b"plain.jpg"]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("text", ["a.jpg\r\nb.jpg\r\n", ".\n", "/photos/é.jpg\n"])
    def test_utf_16_is_refused_in_one_line(self, file, encoding, text):
        file.write_bytes(text.encode(encoding))
        with pytest.raises(InputError, match=r"list is in UTF-16; save it as UTF-8$"):
            listed(file)

    def test_names_of_one_letter_after_nul_are_not_taken_for_it(self, file):
        file.write_bytes(b"a\0b\0c\0")
        assert listed(file) == [b"a", b"b", b"c"]


@pytest.mark.parametrize("separator", [b"\n", b"\0", b"\r\n"])
def test_a_path_is_there_as_soon_as_its_line_has_come(separator, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sender = os.open(pipe, os.O_RDWR)
    try:
        with open_list(str(pipe)) as paths:
            for name in (b"first.jpg", b"second.jpg"):
                os.write(sender, name + separator)
                assert next(paths) == name
    finally:
        os.close(sender)


def test_long_lists_are_read_in_parts(file):
    paths = [b"%06d.jpg" % number for number in range(50_000)]
    for separator in (b"\n", b"\0"):
        file.write_bytes(separator.join(paths))
        assert listed(file) == paths


def test_a_list_that_is_still_being_written_is_read_as_far_as_it_goes(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    first = b"".join(b"%06d.jpg\n" % number for number in range(10_000))
    go_on = threading.Event()

    def write():
        with pipe.open("wb", buffering=0) as sender:
            sender.write(first)
            go_on.wait()
            sender.write(b"last.jpg\n")

    writer = threading.Thread(target=write)
    writer.start()
    with open_list(str(pipe)) as paths:
        for number in range(5_000):
            assert next(paths) == b"%06d.jpg" % number
        go_on.set()
        assert list(paths)[-1] == b"last.jpg"
    writer.join()


def test_a_list_that_cannot_be_opened_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"missing: No such file or directory"):
        listed(tmp_path / "missing")
    with pytest.raises(InputError, match=r"Is a directory"):
        listed(tmp_path)


def test_a_file_that_is_no_list_is_an_input_error(file):
    file.write_bytes(b"x" * 200_000)
    with pytest.raises(InputError, match="not a list of paths"):
        listed(file)


def test_a_closed_standard_input_is_an_input_error(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input is closed"), open_list("-"):
        pytest.fail("it was opened")
