"""Opening and reading one file, whatever lies at its path."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from trustthepixels.infer.files.read import ReadError, read_file
from trustthepixels.infer.results import FileStatus

LIMIT = 1000


def read(path: Path | str, limit: int = LIMIT) -> bytes:
    return read_file(os.fsencode(path), limit)


def refusal(path: Path | str, limit: int = LIMIT) -> ReadError:
    with pytest.raises(ReadError) as caught:
        read(path, limit)
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"0123456789")
    return path


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_regular_file_is_read_whole(file):
    assert read(file) == b"0123456789"


def test_an_empty_file_is_empty(tmp_path):
    (tmp_path / "a").touch()
    assert read(tmp_path / "a") == b""


def test_a_link_is_followed(file, tmp_path):
    (tmp_path / "link").symlink_to(file)
    assert read(tmp_path / "link") == b"0123456789"


def test_no_descriptor_stays_open(file, tmp_path):
    before = open_descriptors()
    read(file)
    refusal(tmp_path)
    refusal(file, 5)
    assert open_descriptors() == before


class TestSpecialFiles:
    def test_a_named_pipe_is_refused_at_once(self, tmp_path):
        os.mkfifo(tmp_path / "x.jpg")
        error = refusal(tmp_path / "x.jpg")
        assert error.status is FileStatus.UNREADABLE
        assert error.reason == "not a regular file (a named pipe)"

    def test_a_link_to_a_named_pipe_is_refused_at_once(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "x.jpg").symlink_to("pipe")
        assert "a named pipe" in refusal(tmp_path / "x.jpg").reason

    def test_a_socket_a_device_and_a_folder_are_refused(self, tmp_path):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "s"))
            assert "a socket" in refusal(tmp_path / "s").reason
        assert "a character device" in refusal("/dev/zero").reason
        assert "a folder" in refusal(tmp_path).reason

    def test_a_file_that_becomes_a_pipe_after_the_check_is_refused_at_once(self, file, monkeypatch):
        real_open = os.open

        def swap(path, *arguments, **keywords):
            file.unlink()
            os.mkfifo(file)
            return real_open(path, *arguments, **keywords)

        monkeypatch.setattr(os, "open", swap)
        assert refusal(file).reason == "not a regular file (a named pipe)"


class TestSize:
    def test_a_file_at_the_limit_is_read(self, file):
        assert read(file, 10) == b"0123456789"

    def test_a_larger_file_is_refused_and_its_size_is_told(self, file):
        error = refusal(file, 9)
        assert (error.status, error.size) == (FileStatus.TOO_LARGE, 10)
        assert error.reason == "10 bytes, limit 9"

    def test_a_huge_sparse_file_is_refused_without_being_read(self, tmp_path, monkeypatch):
        with (tmp_path / "sparse").open("wb") as file:
            file.truncate(5 << 30)
        monkeypatch.delattr(os, "read")
        assert refusal(tmp_path / "sparse").size == 5 << 30


class TestChangingFiles:
    def appending(self, monkeypatch, file: Path, content: bytes) -> None:
        """Append to the file each time that a part of it was read."""
        real_read = os.read

        def read_then_append(descriptor, count):
            part = real_read(descriptor, count)
            with file.open("ab") as end:
                end.write(content)
            return part

        monkeypatch.setattr(os, "read", read_then_append)

    def test_a_file_that_grows_is_read_to_its_new_end(self, file, monkeypatch):
        real_fstat = os.fstat

        def fstat_then_grow(descriptor):
            status = real_fstat(descriptor)
            with file.open("ab") as end:
                end.write(b"abc")
            return status

        monkeypatch.setattr(os, "fstat", fstat_then_grow)
        assert read(file) == b"0123456789abc"

    def test_a_file_that_grows_for_ever_is_given_up_at_the_limit(self, file, monkeypatch):
        self.appending(monkeypatch, file, bytes(100))
        error = refusal(file)
        assert error.status is FileStatus.TOO_LARGE
        assert "grew beyond the limit" in error.reason

    def test_a_file_that_grows_a_little_with_each_read_is_given_up(self, file, monkeypatch):
        self.appending(monkeypatch, file, b"x")
        with pytest.raises(ReadError, match="still being written: it grew from 10 to") as caught:
            read_file(os.fsencode(file), 1 << 20)
        assert caught.value.status is FileStatus.UNREADABLE
        assert file.stat().st_size < 2000

    def test_a_file_of_unknown_size_is_read_to_its_end(self, file, monkeypatch):
        content = os.urandom(300_000)
        file.write_bytes(content)
        real_read, real_fstat = os.read, os.fstat

        def without_size(descriptor):
            status = list(real_fstat(descriptor))
            status[stat.ST_SIZE] = 0
            return os.stat_result(status)

        monkeypatch.setattr(os, "fstat", without_size)
        monkeypatch.setattr(os, "read", lambda file, count: real_read(file, min(count, 4096)))
        assert read_file(os.fsencode(file), 1 << 20) == content

    def test_a_file_that_shrinks_is_what_is_left_of_it(self, file, monkeypatch):
        real_fstat = os.fstat

        def fstat_then_shrink(descriptor):
            status = real_fstat(descriptor)
            os.truncate(file, 4)
            return status

        monkeypatch.setattr(os, "fstat", fstat_then_shrink)
        assert read(file) == b"0123"

    def test_short_reads_are_put_together(self, file, monkeypatch):
        real_read = os.read
        monkeypatch.setattr(os, "read", lambda descriptor, count: real_read(descriptor, 3))
        assert read(file) == b"0123456789"


class TestErrors:
    def test_a_file_that_is_gone_has_vanished(self, tmp_path):
        error = refusal(tmp_path / "gone")
        assert error.status is FileStatus.VANISHED
        assert error.reason == "ENOENT: No such file or directory"

    def test_a_file_whose_folder_became_a_file_has_vanished(self, file):
        assert refusal(file / "below").status is FileStatus.VANISHED

    def test_a_link_to_nothing_is_unreadable(self, tmp_path):
        (tmp_path / "link").symlink_to("nothing")
        error = refusal(tmp_path / "link")
        assert error.status is FileStatus.UNREADABLE
        assert "a link to nothing" in error.reason

    def test_a_link_to_itself_is_unreadable(self, tmp_path):
        (tmp_path / "link").symlink_to("link")
        assert refusal(tmp_path / "link").reason.startswith("ELOOP: ")

    def test_a_name_longer_than_any_is_unreadable(self, tmp_path):
        assert refusal(tmp_path / ("x" * 300)).reason.startswith("ENAMETOOLONG: ")
        assert refusal(tmp_path / ("x" * 3000) / "y").reason.startswith("ENAMETOOLONG: ")

    @pytest.mark.parametrize("call", ["stat", "open", "fstat", "read"])
    @pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE])
    def test_any_failing_system_call_is_a_reason_with_its_number(
        self, file, monkeypatch, call, number
    ):
        def fail(*_arguments, **_keywords):
            raise OSError(number, os.strerror(number))

        before = open_descriptors()
        monkeypatch.setattr(os, call, fail)
        error = refusal(file)
        monkeypatch.undo()
        assert error.status is FileStatus.UNREADABLE
        assert error.reason == f"{errno.errorcode[number]}: {os.strerror(number)}"
        assert open_descriptors() == before

    def test_a_path_with_a_nul_byte_is_unreadable(self):
        with pytest.raises(ReadError, match="NUL"):
            read_file(b"a\0b", LIMIT)

    def test_a_file_that_memory_cannot_hold_is_too_large(self, file, monkeypatch):
        def fail(*_arguments):
            raise MemoryError

        monkeypatch.setattr(os, "read", fail)
        assert refusal(file).status is FileStatus.TOO_LARGE
