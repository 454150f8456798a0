"""Rows on disk: where they go, what is refused, whole rows whatever happens."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sample_rows import BAD, BAD_LINE, GOOD, GOOD_LINE, HEADER

from trustthepixels.infer.choices import Existing, RowFormat
from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.output.output import Output, open_output
from trustthepixels.infer.output.run_identity import RunIdentity
from trustthepixels.infer.output.writer import RowWriter
from trustthepixels.infer.results import ScanRow
from trustthepixels.infer.system.signals import Interrupted


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


IDENTITY = RunIdentity({"model": "tiny"})


@contextmanager
def begun(
    destination: Path | str,
    existing: Existing = Existing.REFUSE,
    row_format: RowFormat = RowFormat.CSV,
    identity: RunIdentity = IDENTITY,
) -> Iterator[Output]:
    """An output that is ready for rows."""
    with open_output(str(destination), row_format, existing) as output:
        output.begin(identity)
        yield output


def write(destination: Path | str, *rows: ScanRow, existing: Existing = Existing.REFUSE) -> None:
    with begun(destination, existing) as output:
        for row in rows:
            output.write(row)


def failing(number: int) -> Callable[..., None]:
    """Return a function that raises this error for any arguments."""

    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    return fail


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestNewFile:
    def test_rows_are_in_the_file_as_soon_as_they_are_written(self, out):
        with begun(out) as writer:
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
        with pytest.raises(ValueError), begun(out):
            raise ValueError
        assert not out.exists()

    def test_an_interruption_leaves_a_valid_file_even_without_rows(self, out):
        with pytest.raises(Interrupted), begun(out):
            raise Interrupted(2)
        assert out.read_bytes() == HEADER

    def test_an_error_later_leaves_the_rows(self, out):
        with (
            pytest.raises(ValueError),
            begun(out) as writer,
        ):
            writer.write(GOOD)
            raise ValueError
        assert out.read_bytes() == HEADER + GOOD_LINE


class TestReplacement:
    def test_the_old_file_is_replaced_only_at_the_end(self, out, tmp_path):
        out.write_text("old")
        with begun(out, Existing.REPLACE) as writer:
            writer.write(GOOD)
            assert out.read_text() == "old"
        assert out.read_bytes() == HEADER + GOOD_LINE
        assert names(tmp_path) == ["rows.csv"]

    def test_the_new_file_has_the_permissions_of_the_old_one(self, out):
        out.touch(0o600)
        write(out, existing=Existing.REPLACE)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600

    def test_a_link_stays_a_link(self, out, tmp_path):
        real = tmp_path / "real.csv"
        real.write_text("old")
        out.symlink_to(real)
        write(out, GOOD, existing=Existing.REPLACE)
        assert out.is_symlink()
        assert real.read_bytes() == HEADER + GOOD_LINE

    def test_where_there_is_no_file_a_new_one_is_written(self, out):
        write(out, GOOD, existing=Existing.REPLACE)
        assert out.read_bytes() == HEADER + GOOD_LINE

    @pytest.mark.parametrize("error", [ValueError(), Interrupted(2)])
    def test_the_old_file_stays_when_the_scan_does_not_end(self, out, tmp_path, error):
        out.write_text("old")
        with (
            pytest.raises(type(error)),
            begun(out, Existing.REPLACE) as writer,
        ):
            writer.write(GOOD)
            raise error
        assert out.read_text() == "old"
        assert Path(writer.path).read_bytes() == HEADER + GOOD_LINE
        write(out, BAD, existing=Existing.REPLACE)
        assert out.read_bytes() == HEADER + BAD_LINE
        assert names(tmp_path) == ["rows.csv"]

    @pytest.mark.parametrize("error", [ValueError(), Interrupted(2)])
    def test_nothing_is_left_beside_it_when_there_was_no_row(self, out, tmp_path, error):
        out.write_text("old")
        with pytest.raises(type(error)), begun(out, Existing.REPLACE):
            raise error
        assert names(tmp_path) == ["rows.csv"]

    def test_all_its_files_are_known_so_that_none_is_scanned(self, out):
        out.write_text("old")
        with begun(out, Existing.REPLACE) as writer:
            files = [out.stat(), Path(writer.path).stat(), Path(f"{writer.path}.resume").stat()]
            assert writer.identities == {(file.st_dev, file.st_ino) for file in files}


class TestStreams:
    def test_a_device_is_written_through(self):
        write("/dev/null", GOOD, existing=Existing.REPLACE)
        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)

    def test_a_full_device_is_noticed_when_it_is_opened(self):
        with (
            pytest.raises(OutputError, match="cannot write to /dev/full: No space left on device"),
            begun("/dev/full"),
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
            begun(out) as writer,
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
            write(destination, GOOD, existing=Existing.REPLACE)

    @pytest.mark.parametrize("suffix", [".resume", ".partial"])
    @pytest.mark.parametrize("kind", ["pipe", "pipe-with-a-reader", "link", "folder"])
    def test_so_is_what_somebody_laid_in_the_way(self, out, suffix, kind):
        """Nothing waits for ever, and no link leads to a file that is none of ours."""
        beside, victim = Path(f"{out}{suffix}"), out.with_name("victim")
        existing = Existing.REFUSE
        if suffix == ".partial":
            out.write_text("old")
            existing = Existing.REPLACE
        victim.write_text("precious")
        with ExitStack() as stack:
            if kind == "link":
                beside.symlink_to(victim)
            elif kind == "folder":
                beside.mkdir()
            else:
                os.mkfifo(beside)
            if kind == "pipe-with-a-reader":
                stack.callback(os.close, os.open(beside, os.O_RDONLY | os.O_NONBLOCK))
            with pytest.raises(OutputError, match=f"cannot write to {beside}: "):
                write(out, GOOD, existing=existing)
        assert victim.read_text() == "precious"
        assert out.read_text() == "old" if suffix == ".partial" else not out.exists()

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
            writer = stack.enter_context(begun(out))
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
            begun(out) as writer,
        ):
            writer.write(GOOD)
            monkeypatch.setattr(os, "write", interrupted)
            writer.write(BAD)
        assert out.read_bytes() == HEADER + GOOD_LINE

    def test_a_disk_that_cannot_sync_is_an_error_and_the_rows_stay(self, out, monkeypatch):
        with (
            pytest.raises(OutputError, match=f"cannot write to {out}: Input/output error"),
            begun(out) as writer,
        ):
            writer.write(GOOD)
            monkeypatch.setattr(os, "fsync", failing(errno.EIO))
        assert out.read_bytes() == HEADER + GOOD_LINE
        assert writer.is_resumable

    def test_a_disk_that_fails_when_the_file_is_closed_is_an_error(self, out, monkeypatch):
        real_close = os.close

        def fail(descriptor):
            is_output = os.path.samestat(os.fstat(descriptor), out.stat())
            real_close(descriptor)
            if is_output:
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

        with (
            pytest.raises(OutputError, match=f"cannot write to {out}: Disk quota exceeded"),
            begun(out) as writer,
        ):
            writer.write(GOOD)
            monkeypatch.setattr(os, "close", fail)
        assert out.read_bytes() == HEADER + GOOD_LINE

    @pytest.mark.parametrize("existing", [Existing.REFUSE, Existing.REPLACE])
    @pytest.mark.parametrize("kind", ["removed", "moved", "replaced"])
    def test_a_file_that_somebody_took_away_is_an_error(self, out, tmp_path, existing, kind):
        """Else rows would be said to lie where they do not."""
        if existing is Existing.REPLACE:
            out.write_text("old")
        with (
            pytest.raises(OutputError, match="was removed, moved or replaced"),
            begun(out, existing) as writer,
        ):
            writer.write(GOOD)
            if kind == "moved":
                Path(writer.path).rename(tmp_path / "elsewhere")
            else:
                Path(writer.path).unlink()
            if kind == "replaced":
                Path(writer.path).write_text("another's")
        if existing is Existing.REPLACE:
            assert out.read_text() == "old"
        if kind == "replaced":
            assert Path(writer.path).read_text() == "another's"
        if kind == "moved":
            assert (tmp_path / "elsewhere").read_bytes() == HEADER + GOOD_LINE

    def test_a_disk_that_fails_at_the_replacement_leaves_both_files(self, out, monkeypatch):
        out.write_text("old")
        with (
            pytest.raises(OutputError, match=r"cannot replace .*; the rows are in .*\.partial"),
            begun(out, Existing.REPLACE) as writer,
        ):
            writer.write(GOOD)
            monkeypatch.setattr(Path, "replace", failing(errno.EIO))
        assert out.read_text() == "old"
        assert Path(writer.path).read_bytes() == HEADER + GOOD_LINE
        monkeypatch.undo()
        write(out, BAD, existing=Existing.RESUME)
        assert out.read_bytes() == HEADER + GOOD_LINE + BAD_LINE

    def test_a_disk_that_cannot_hold_what_resume_needs_is_an_error_before_the_first_row(
        self, out, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
        with pytest.raises(OutputError, match=r"rows\.csv\.resume: No space left"), begun(out):
            pytest.fail("it went on")
        assert names(tmp_path) == []

    def test_a_file_system_without_sync_is_no_error(self, out, monkeypatch):
        monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
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

    @pytest.mark.parametrize(("seconds", "rows"), [(1.0, 5), (0.0, 10_000)])
    def test_rows_are_synced_in_steps_of_time_and_of_rows(self, out, monkeypatch, seconds, rows):
        synced, now = [], [0.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        with begun(out) as writer:
            monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(writer.rows))
            for _ in range(2 * rows):
                now[0] += seconds
                writer.write(GOOD)
            assert synced == [rows, 2 * rows]


class TestChangedByOthers:
    """Changes of the file by other programs while it is written."""

    @pytest.mark.parametrize("change", [b"", b"x" * 10_000, HEADER])
    def test_a_file_that_is_emptied_cut_or_added_to_is_an_error_at_the_next_row(self, out, change):
        with (
            pytest.raises(OutputError, match=r"was changed by another program .* with --force"),
            begun(out) as writer,
        ):
            writer.write(GOOD)
            out.write_bytes(change)
            writer.write(GOOD)
        assert b"\0" not in out.read_bytes()

    def test_a_file_system_that_is_late_in_saying_the_size_is_no_error(self, out, monkeypatch):
        real_fstat, sizes = os.fstat, []

        def late(descriptor):
            status = list(real_fstat(descriptor))
            sizes.append(status[stat.ST_SIZE])
            status[stat.ST_SIZE] = sizes[max(0, len(sizes) - 4)]
            return os.stat_result(status)

        with begun(out) as writer, monkeypatch.context() as patch:
            patch.setattr(os, "fstat", late)
            for _ in range(9):
                writer.write(GOOD)
        assert out.read_bytes() == HEADER + 9 * GOOD_LINE

    def test_or_at_the_end(self, out):
        with pytest.raises(OutputError, match="was changed by another"), begun(out) as writer:
            writer.write(GOOD)
            out.write_bytes(b"")
        assert out.read_bytes() == b""

    def test_what_else_goes_to_the_same_standard_output_is_no_error(self, out, monkeypatch):
        with out.open("ab") as file:
            file.write(b"before")
            file.flush()
            monkeypatch.setattr("sys.stdout", file)
            with begun("-") as writer:
                writer.write(GOOD)
                os.write(file.fileno(), b"between")
                writer.write(GOOD)
        assert out.read_bytes() == b"before" + HEADER + GOOD_LINE + b"between" + GOOD_LINE


class TestMountedFile:
    @pytest.fixture(autouse=True)
    def mounted(self, out, monkeypatch):
        monkeypatch.setattr(
            "trustthepixels.infer.output.destination.is_mount_point", lambda path: path == out
        )

    def test_one_that_holds_something_is_refused_before_anything_slow(self, out):
        out.write_bytes(b"precious")
        with pytest.raises(OutputError, match="it is mounted by itself"):
            open_output(str(out), RowFormat.CSV, Existing.REPLACE).__enter__()
        assert out.read_bytes() == b"precious"

    def test_an_empty_one_is_written_in_place(self, out, tmp_path):
        out.touch()
        before = out.stat().st_ino
        write(out, GOOD, existing=Existing.REPLACE)
        assert out.read_bytes() == HEADER + GOOD_LINE
        assert (out.stat().st_ino, names(tmp_path)) == (before, ["rows.csv"])
