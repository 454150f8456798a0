"""Lists of files: lines or NUL-separated, as they come."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.files.lists import open_list

paths_in_lines = st.lists(
    st.binary(min_size=1).map(lambda path: path.replace(b"\n", b"_").replace(b"\0", b"_"))
)
paths_after_nul = st.lists(st.binary(min_size=1).map(lambda path: path.replace(b"\0", b"_")))


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
    file.write_bytes(b"\n\n a.jpg \n\nb.jpg\r\n\n")
    assert listed(file) == [b" a.jpg ", b"b.jpg\r"]


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
    with pytest.raises(InputError, match="is no list of paths"):
        listed(file)


def test_a_closed_standard_input_is_an_input_error(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input is closed"), open_list("-"):
        pytest.fail("it was opened")
