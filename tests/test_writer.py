"""Rows on disk: valid CSV and JSON lines whatever the names, whole whatever happens."""

import csv
import errno
import io
import json
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.interrupts import Interrupted
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.rows import (
    COLUMNS,
    RowFormat,
    encode_row,
    escape_path,
    header,
    unescape_path,
)
from trustthepixels.infer.writer import RowWriter, open_output

GOOD = ScanRow(
    path="photos/a.jpg",
    status=FileStatus.OK,
    verdict=Verdict(VerdictLabel.AI, 0.9),
    width=640,
    height=480,
    format="JPEG",
    bytes=12345,
)
BAD = ScanRow(path="b.jpg", status=FileStatus.VANISHED, error="ENOENT: No such file or directory")
HEADER = b"path,status,verdict,p_ai,width,height,format,bytes,error,note\r\n"
GOOD_LINE = b"photos/a.jpg,ok,ai,0.900000,640,480,JPEG,12345,,\r\n"
BAD_LINE = b"b.jpg,vanished,,,,,,,ENOENT: No such file or directory,\r\n"

anything = st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "ignore")))
file_names = st.one_of(
    anything,
    st.tuples(
        st.sampled_from([b"=", b"+", b"-", b"@", b"./", b"././", b"\\", b"\t"]), anything
    ).map(b"".join),
).map(lambda name: name.replace(b"\0", b""))


def text(path: bytes) -> str:
    """A path as rows carry it."""
    return path.decode("utf-8", "surrogateescape")


def parse(line: bytes) -> dict[str, str]:
    (values,) = csv.reader(io.StringIO(line.decode(), newline=""), strict=True)
    return dict(zip(COLUMNS, values, strict=True))


class TestCsv:
    def test_the_columns(self):
        assert header(RowFormat.CSV) == HEADER

    def test_a_good_file(self):
        assert encode_row(GOOD, RowFormat.CSV) == GOOD_LINE

    def test_a_bad_file_has_no_verdict_but_a_reason(self):
        assert encode_row(BAD, RowFormat.CSV) == BAD_LINE

    def test_what_was_read_of_a_bad_file_is_told(self):
        row = ScanRow("x.jpg", FileStatus.TOO_LARGE, None, 9, 8, "PNG", 7, "72 pixels, limit 1")
        assert encode_row(row, RowFormat.CSV) == (
            b'x.jpg,too_large,,,9,8,PNG,7,"72 pixels, limit 1",\r\n'
        )

    def test_probabilities_have_six_decimals(self):
        for p_ai, written in ((0.0, "0.000000"), (1.0, "1.000000"), (1e-6, "0.000001")):
            row = ScanRow("x", FileStatus.OK, Verdict(VerdictLabel.REAL, p_ai))
            assert parse(encode_row(row, RowFormat.CSV))["p_ai"] == written

    def test_quotes_and_commas_are_quoted(self):
        row = ScanRow('a "b", c.jpg', FileStatus.OK)
        assert encode_row(row, RowFormat.CSV).startswith(b'"a ""b"", c.jpg",ok,')

    @given(file_names)
    def test_any_name_gives_one_line_of_valid_csv(self, name):
        line = encode_row(ScanRow(text(name), FileStatus.OK), RowFormat.CSV)
        assert line.endswith(b"\r\n")
        assert line.decode().splitlines() == [line.decode()[:-2]]
        assert unescape_path(parse(line)["path"]) == name


class TestJsonLines:
    def test_there_is_no_header(self):
        assert header(RowFormat.JSONL) == b""

    def test_the_same_columns_with_null_where_csv_is_empty(self):
        assert list(json.loads(encode_row(GOOD, RowFormat.JSONL))) == list(COLUMNS)
        assert json.loads(encode_row(BAD, RowFormat.JSONL)) == {
            "path": "b.jpg",
            "status": "vanished",
            "verdict": None,
            "p_ai": None,
            "width": None,
            "height": None,
            "format": None,
            "bytes": None,
            "error": "ENOENT: No such file or directory",
            "note": None,
        }

    @given(file_names)
    def test_any_name_gives_one_line_of_valid_json(self, name):
        line = encode_row(ScanRow(text(name), FileStatus.OK), RowFormat.JSONL)
        assert line.decode().splitlines() == [line.decode()[:-1]]
        assert unescape_path(json.loads(line)["path"]) == name


class TestNames:
    @given(file_names)
    @example(b"\\x41")
    @example(b"./=1")
    @example(b"././=1")
    @example("\N{FULLWIDTH EQUALS SIGN}1".encode())
    def test_the_bytes_of_any_path_come_back(self, name):
        assert unescape_path(escape_path(text(name))) == name

    @given(st.lists(file_names, unique=True, min_size=2))
    def test_different_paths_look_different(self, names):
        assert len({escape_path(text(name)) for name in names}) == len(names)

    @given(file_names)
    def test_nothing_in_a_path_acts_on_a_terminal(self, name):
        for character in escape_path(text(name)):
            assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
            assert unicodedata.bidirectional(character) not in {
                *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
            }

    @given(file_names)
    def test_no_path_starts_a_formula(self, name):
        assert not re.match("[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]", escape_path(text(name)))

    def test_a_path_that_starts_like_a_formula_is_still_a_path_to_the_file(self, tmp_path):
        (tmp_path / "=1.jpg").touch()
        assert (tmp_path / escape_path("=1.jpg")).exists()

    @pytest.mark.parametrize(
        "name", ["a b.jpg", "café/日本語.jpg", "🏳️‍🌈👩‍👩‍👧.png", "עברית.jpg", "a,b'c\"d"]
    )
    def test_ordinary_names_in_any_script_stay_as_they_are(self, name):
        assert escape_path(name) == name

    def test_an_error_that_quotes_the_file_is_made_harmless(self):
        row = ScanRow("x", FileStatus.CORRUPT, error="=1+\x1b[31m\n\udcff")
        assert parse(encode_row(row, RowFormat.CSV))["error"] == "error: =1+\\x1b[31m\\x0a\\xff"

    def test_so_is_a_note(self):
        row = ScanRow("x", FileStatus.OK, note="=1\n")
        assert parse(encode_row(row, RowFormat.CSV))["note"] == "note: =1\\x0a"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def write(destination: Path | str, *rows: ScanRow, replace: bool = False) -> None:
    with open_output(str(destination), RowFormat.CSV, replace=replace) as writer:
        for row in rows:
            writer.write(row)


class TestNewFile:
    def test_rows_are_in_the_file_as_soon_as_they_are_written(self, out):
        with open_output(str(out), RowFormat.CSV, replace=False) as writer:
            assert out.read_bytes() == HEADER
            writer.write(GOOD)
            assert out.read_bytes() == HEADER + GOOD_LINE
            writer.write(BAD)
        assert out.read_bytes() == HEADER + GOOD_LINE + BAD_LINE

    def test_an_existing_file_is_refused_and_stays_as_it_is(self, out):
        out.write_text("precious")
        with pytest.raises(OutputError, match="exists; choose another name, or replace it with"):
            write(out, GOOD)
        assert out.read_text() == "precious"

    def test_a_link_to_nothing_is_refused(self, out, tmp_path):
        out.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OutputError, match="File exists"):
            write(out, GOOD)
        assert not (tmp_path / "elsewhere").exists()

    def test_permissions_are_those_that_the_user_gives_new_files(self, out, tmp_path):
        write(out)
        (tmp_path / "other").touch()
        assert out.stat().st_mode == (tmp_path / "other").stat().st_mode

    def test_an_error_before_the_first_row_leaves_no_file(self, out):
        with pytest.raises(ValueError), open_output(str(out), RowFormat.CSV, replace=False):
            raise ValueError
        assert not out.exists()

    def test_an_interruption_leaves_a_valid_file_even_without_rows(self, out):
        with pytest.raises(Interrupted), open_output(str(out), RowFormat.CSV, replace=False):
            raise Interrupted(2)
        assert out.read_bytes() == HEADER

    def test_an_error_later_leaves_the_rows(self, out):
        with (
            pytest.raises(ValueError),
            open_output(str(out), RowFormat.CSV, replace=False) as writer,
        ):
            writer.write(GOOD)
            raise ValueError
        assert out.read_bytes() == HEADER + GOOD_LINE


class TestReplacement:
    def test_the_old_file_is_replaced_only_at_the_end(self, out, tmp_path):
        out.write_text("old")
        with open_output(str(out), RowFormat.CSV, replace=True) as writer:
            writer.write(GOOD)
            assert out.read_text() == "old"
        assert out.read_bytes() == HEADER + GOOD_LINE
        assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]

    def test_the_new_file_has_the_permissions_of_the_old_one(self, out):
        out.touch(0o600)
        write(out, replace=True)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600

    def test_a_link_stays_a_link(self, out, tmp_path):
        real = tmp_path / "real.csv"
        real.write_text("old")
        out.symlink_to(real)
        write(out, GOOD, replace=True)
        assert out.is_symlink()
        assert real.read_bytes() == HEADER + GOOD_LINE

    def test_where_there_is_no_file_a_new_one_is_written(self, out):
        write(out, GOOD, replace=True)
        assert out.read_bytes() == HEADER + GOOD_LINE

    @pytest.mark.parametrize("error", [ValueError(), Interrupted(2)])
    def test_the_old_file_stays_when_the_scan_does_not_end(self, out, tmp_path, error):
        out.write_text("old")
        with (
            pytest.raises(type(error)),
            open_output(str(out), RowFormat.CSV, replace=True) as writer,
        ):
            writer.write(GOOD)
            raise error
        assert out.read_text() == "old"
        assert Path(writer.path).read_bytes() == HEADER + GOOD_LINE
        write(out, BAD, replace=True)
        assert out.read_bytes() == HEADER + BAD_LINE
        assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]

    @pytest.mark.parametrize("error", [ValueError(), Interrupted(2)])
    def test_nothing_is_left_beside_it_when_there_was_no_row(self, out, tmp_path, error):
        out.write_text("old")
        with pytest.raises(type(error)), open_output(str(out), RowFormat.CSV, replace=True):
            raise error
        assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]

    def test_both_files_are_known_so_that_neither_is_scanned(self, out):
        out.write_text("old")
        with open_output(str(out), RowFormat.CSV, replace=True) as writer:
            files = [out.stat(), Path(writer.path).stat()]
            assert writer.identities == {(file.st_dev, file.st_ino) for file in files}


class TestStreams:
    def test_a_device_is_written_through(self):
        write("/dev/null", GOOD, replace=True)
        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)

    def test_a_full_device_is_noticed_when_it_is_opened(self):
        with (
            pytest.raises(OutputError, match="cannot write to /dev/full: No space left on device"),
            open_output("/dev/full", RowFormat.CSV, replace=False),
        ):
            pytest.fail("it was opened")

    def test_a_named_pipe_that_nobody_reads_is_refused_at_once(self, out):
        os.mkfifo(out)
        with pytest.raises(OutputError, match="nobody reads it"):
            write(out, GOOD)

    def test_a_named_pipe_is_written_through(self, out):
        os.mkfifo(out)
        reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
        write(out, GOOD)
        assert os.read(reader, 1000) == HEADER + GOOD_LINE
        os.close(reader)

    def test_a_pipe_whose_reader_went_away_is_told_apart(self, out):
        os.mkfifo(out)
        reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
        with (
            pytest.raises(BrokenPipeError),
            open_output(str(out), RowFormat.CSV, replace=False) as writer,
        ):
            os.close(reader)
            writer.write(GOOD)
        assert out.is_fifo()


class TestUnusable:
    @pytest.mark.parametrize(
        ("destination", "reason"),
        [
            (".", "it is a folder"),
            ("missing/rows.csv", "its folder does not exist"),
            ("file/rows.csv", "Not a directory"),
            ("/proc/rows.csv", "its folder does not exist|Permission denied"),
            ("x" * 300, "File name too long"),
        ],
    )
    def test_it_is_refused_with_a_reason(self, tmp_path, monkeypatch, destination, reason):
        monkeypatch.chdir(tmp_path)
        Path("file").touch()
        with pytest.raises(OutputError, match=reason):
            write(destination, GOOD, replace=True)

    def test_a_closed_standard_output_is_refused(self, monkeypatch):
        monkeypatch.setattr("sys.stdout", None)
        with pytest.raises(OutputError, match="it is closed"):
            write("-", GOOD)


class TestFaults:
    """The disk misbehaves: the file ends with a whole row, and the error says what happened."""

    @staticmethod
    def failing_write(number: int, after: int) -> Callable[[int, bytes], int]:
        """A write that takes ``after`` bytes of what is left in all, then fails."""
        real_write, room = os.write, [after]

        def fail(descriptor, data):
            if room[0] == 0:
                raise OSError(number, os.strerror(number))
            count = real_write(descriptor, bytes(data)[: room[0]])
            room[0] -= count
            return count

        return fail

    @pytest.mark.parametrize("after", range(0, len(GOOD_LINE + BAD_LINE) + 1, 7))
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
    def test_a_full_disk_at_any_byte(self, out, monkeypatch, number, after):
        with ExitStack() as stack:
            caught = stack.enter_context(pytest.raises(OutputError))
            writer = stack.enter_context(open_output(str(out), RowFormat.CSV, replace=False))
            writer.write(GOOD)
            monkeypatch.setattr(os, "write", self.failing_write(number, after))
            for row in (GOOD, BAD, GOOD):
                writer.write(row)
        assert str(caught.value) == f"cannot write to {out}: {os.strerror(number)}"
        whole = (after >= len(GOOD_LINE)) * GOOD_LINE
        whole += (after >= len(GOOD_LINE + BAD_LINE)) * BAD_LINE
        assert out.read_bytes() == HEADER + GOOD_LINE + whole

    def test_short_writes_are_completed(self, out, monkeypatch):
        real_write = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, bytes(data)[:3]))
        write(out, GOOD, BAD)
        assert out.read_bytes() == HEADER + GOOD_LINE + BAD_LINE

    def test_an_interruption_in_the_middle_of_a_row_cuts_it_off(self, out, monkeypatch):
        real_write = os.write

        def interrupted(descriptor, data):
            real_write(descriptor, bytes(data)[:10])
            raise Interrupted(2)

        with (
            pytest.raises(Interrupted),
            open_output(str(out), RowFormat.CSV, replace=False) as writer,
        ):
            writer.write(GOOD)
            monkeypatch.setattr(os, "write", interrupted)
            writer.write(BAD)
        assert out.read_bytes() == HEADER + GOOD_LINE

    def test_a_disk_that_cannot_sync_is_an_error(self, out, monkeypatch):
        def fail(descriptor):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OutputError, match="Input/output error"):
            write(out, GOOD)
        assert out.read_bytes() == HEADER + GOOD_LINE

    def test_a_file_system_without_sync_is_no_error(self, out, monkeypatch):
        def fail(descriptor):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        monkeypatch.setattr(os, "fsync", fail)
        write(out, GOOD)
        assert out.read_bytes() == HEADER + GOOD_LINE

    def test_a_pipe_that_another_process_made_non_blocking_is_waited_for(self):
        reader, sender = os.pipe()
        os.set_blocking(sender, False)
        os.set_blocking(reader, False)
        writer = RowWriter(sender, "pipe", RowFormat.CSV)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(sender, bytes(1000))
        received = []

        def drain(*_arguments):
            received.append(os.read(reader, 1 << 20))
            return [], [sender], []

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("select.select", drain)
            writer.write(GOOD)
        received.append(os.read(reader, 1 << 20))
        assert b"".join(received).endswith(GOOD_LINE)
        os.close(reader)
        os.close(sender)

    def test_rows_are_synced_in_steps(self, out, monkeypatch):
        synced, now = [], [0.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(now[0]))
        with open_output(str(out), RowFormat.CSV, replace=False) as writer:
            for _ in range(20):
                writer.write(GOOD)
                now[0] += 1.0
        assert synced == [5.0, 10.0, 15.0, 20.0]
