"""A scan that ended early goes on where it stopped, wherever its rows were cut off."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import portalocker
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trustthepixels.infer.choices import Existing, RowFormat
from trustthepixels.infer.errors import ExitCode, OutputError
from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.output.output import Output, open_output
from trustthepixels.infer.output.reader import kept_paths, kept_rows
from trustthepixels.infer.output.rows import encode_row, header
from trustthepixels.infer.output.run_identity import RunIdentity
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.scan.update import not_kept
from trustthepixels.infer.system.signals import Interrupted

IDENTITY = RunIdentity({"model": "tiny", "limits": {"max_pixels": 9}})
ODD_NAMES = [b"a.jpg", b'b",\r\n\xff\\.jpg', b"c" * 100, b"=d.jpg", "ö\u2028.jpg".encode()]
ROWS = [
    ScanRow(
        name.decode("utf-8", "surrogateescape"),
        FileStatus.OK,
        Verdict(VerdictLabel.AI, 0.9),
        640,
        480,
        "JPEG",
        5,
    )
    for name in ODD_NAMES
]
ROWS.insert(2, ScanRow("bad.jpg", FileStatus.CORRUPT, error='a "quoted", reason'))
PATHS = [row.path.encode("utf-8", "surrogateescape") for row in ROWS]
BOTH_FORMATS = pytest.mark.parametrize("row_format", list(RowFormat))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "rows"


@contextmanager
def opened(
    out: Path, existing: Existing, row_format: RowFormat = RowFormat.CSV
) -> Iterator[Output]:
    with open_output(str(out), row_format, existing) as output:
        yield output


def content(*rows: ScanRow, row_format: RowFormat = RowFormat.CSV) -> bytes:
    return header(row_format) + b"".join(encode_row(row, row_format) for row in rows)


def interrupted_run(
    out: Path,
    *rows: ScanRow,
    existing: Existing = Existing.REFUSE,
    row_format: RowFormat = RowFormat.CSV,
) -> None:
    with pytest.raises(Interrupted), opened(out, existing, row_format) as output:
        output.begin(IDENTITY)
        for row in rows:
            output.write(row)
        raise Interrupted(2)


def resumed_run(out: Path, row_format: RowFormat = RowFormat.CSV) -> list[bytes]:
    """Scan ``PATHS``, as a walk finds them; returns those that had to be scanned."""
    scanned = []
    with opened(out, Existing.RESUME, row_format) as output:
        output.begin(IDENTITY)
        for found in not_kept(map(Found, PATHS), output.kept()):
            scanned.append(found.path)
            output.write(ROWS[PATHS.index(found.path)])
    return scanned


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestInterrupted:
    @BOTH_FORMATS
    def test_the_rows_are_those_of_an_uninterrupted_run(self, out, tmp_path, row_format):
        interrupted_run(out, *ROWS[:3], row_format=row_format)
        assert names(tmp_path) == ["rows", "rows.resume"]
        assert resumed_run(out, row_format) == PATHS[3:]
        assert out.read_bytes() == content(*ROWS, row_format=row_format)
        assert names(tmp_path) == ["rows"]

    @BOTH_FORMATS
    def test_wherever_the_last_line_was_cut(self, out, row_format):
        interrupted_run(out, *ROWS, row_format=row_format)
        whole = out.read_bytes()
        state = Path(f"{out}.resume").read_bytes()
        assert len(whole) > 400
        for size in range(len(whole) + 1):
            out.write_bytes(whole[:size])
            Path(f"{out}.resume").write_bytes(state)
            resumed_run(out, row_format)
            assert out.read_bytes() == whole, f"cut at {size}"

    @BOTH_FORMATS
    @pytest.mark.parametrize("zeros", [1, 5000])
    def test_wherever_a_power_cut_left_zeros(self, out, row_format, zeros):
        interrupted_run(out, *ROWS, row_format=row_format)
        whole = out.read_bytes()
        state = Path(f"{out}.resume").read_bytes()
        for start in range(0, len(whole), 7):
            out.write_bytes(whole[:start] + bytes(zeros) + whole[start + zeros :])
            Path(f"{out}.resume").write_bytes(state)
            resumed_run(out, row_format)
            assert out.read_bytes() == whole, f"zeros from {start}"

    def test_twice(self, out):
        interrupted_run(out, ROWS[0])
        with pytest.raises(Interrupted), opened(out, Existing.RESUME) as output:
            assert output.begin(IDENTITY).verdicts == {"ai": 1}
            output.write(ROWS[1])
            raise Interrupted(2)
        resumed_run(out)
        assert out.read_bytes() == content(*ROWS)

    def test_before_its_first_row_it_begins_anew_even_with_other_options(self, out):
        with pytest.raises(Interrupted), opened(out, Existing.REFUSE) as output:
            output.begin(RunIdentity({"model": "another"}))
            raise Interrupted(2)
        assert resumed_run(out) == PATHS
        assert out.read_bytes() == content(*ROWS)

    def test_while_the_model_was_loaded_it_begins_anew(self, out):
        with pytest.raises(Interrupted), opened(out, Existing.REFUSE):
            raise Interrupted(2)
        assert resumed_run(out) == PATHS

    def test_without_resume_it_is_refused_and_the_way_on_is_named(self, out):
        interrupted_run(out, ROWS[0])
        with pytest.raises(OutputError, match="continue it with --resume"):
            interrupted_run(out)

    def test_where_there_is_no_output_yet_it_is_begun(self, out):
        assert resumed_run(out) == PATHS
        assert out.read_bytes() == content(*ROWS)

    def test_all_rows_may_be_there_already(self, out, tmp_path):
        interrupted_run(out, *ROWS)
        assert resumed_run(out) == []
        assert out.read_bytes() == content(*ROWS)
        assert names(tmp_path) == ["rows"]

    def test_through_a_link(self, out, tmp_path):
        interrupted_run(out, *ROWS[:2])
        (tmp_path / "link").symlink_to(out)
        resumed_run(tmp_path / "link")
        assert out.read_bytes() == content(*ROWS)
        assert names(tmp_path) == ["link", "rows"]


class TestReplacement:
    def test_a_replacement_is_gone_on_with(self, out, tmp_path):
        out.write_text("old")
        interrupted_run(out, *ROWS[:3], existing=Existing.REPLACE)
        assert names(tmp_path) == ["rows", "rows.partial", "rows.partial.resume"]
        assert out.read_text() == "old"
        assert resumed_run(out) == PATHS[3:]
        assert out.read_bytes() == content(*ROWS)
        assert names(tmp_path) == ["rows"]

    def test_even_where_the_old_file_went(self, out):
        out.write_text("old")
        interrupted_run(out, *ROWS[:3], existing=Existing.REPLACE)
        out.unlink()
        assert resumed_run(out) == PATHS[3:]
        assert out.read_bytes() == content(*ROWS)

    def test_an_unfinished_file_can_be_replaced(self, out, tmp_path):
        interrupted_run(out, ROWS[0])
        with opened(out, Existing.REPLACE) as output:
            output.begin(IDENTITY)
            output.write(ROWS[1])
        assert out.read_bytes() == content(ROWS[1])
        assert names(tmp_path) == ["rows"]


class TestRefusal:
    def refused(self, out: Path, reason: str, row_format: RowFormat = RowFormat.CSV) -> None:
        """It is not resumed, for this reason, and nothing is touched."""
        before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.files(out)}
        with (
            pytest.raises(OutputError, match=reason) as caught,
            opened(out, Existing.RESUME, row_format) as output,
        ):
            output.begin(IDENTITY)
        assert caught.value.exit_code is ExitCode.USAGE
        assert "\n" not in str(caught.value)
        after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.files(out)}
        assert after == before

    @staticmethod
    def files(out: Path) -> list[Path]:
        return [path for path in out.parent.iterdir() if path.is_file()]

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"model": "other", "limits": {"max_pixels": 9}}, 'model was "other" and is "tiny"'),
            ({"model": "tiny", "limits": {"max_pixels": 8}}, "limits: max_pixels was 8 and is 9"),
            ({"model": "tiny"}, "limits: max_pixels was null and is 9"),
            ({**IDENTITY.values, "more": "x" * 999}, 'more was "x{99}…'),
        ],
    )
    def test_of_a_run_that_was_another(self, out, values, reason):
        with pytest.raises(Interrupted), opened(out, Existing.REFUSE) as output:
            output.begin(RunIdentity(values))
            output.write(ROWS[0])
            raise Interrupted(2)
        self.refused(out, f"cannot be resumed: {reason}")

    def test_of_a_complete_file(self, out):
        resumed_run(out)
        self.refused(out, "it is complete, or")

    @pytest.mark.parametrize("state", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
    def test_where_what_was_noted_of_the_run_is_damaged(self, out, state):
        interrupted_run(out, ROWS[0])
        Path(f"{out}.resume").write_bytes(state)
        self.refused(out, "no valid .*rows.resume")

    @pytest.mark.parametrize(
        "foreign",
        [
            b"precious",
            b"precious\r\n",
            b"path,status\r\na.jpg,ok\r\n",
            header(RowFormat.CSV) + b"a.jpg,ok\r\n",
            header(RowFormat.CSV) + b"a.jpg,fine,ai,0.9,1,1,JPEG,1,,\r\n",
            header(RowFormat.CSV) + b"a.jpg,ok,maybe,0.9,1,1,JPEG,1,,\r\n",
            header(RowFormat.CSV) + content(ROWS[0])[len(header(RowFormat.CSV)) :] + b"and\r\n",
            header(RowFormat.CSV) + b'"a\r\n.jpg",ok,ai,0.9,1,1,JPEG,1,,\r\n',
            header(RowFormat.CSV) + b"\xff,ok,ai,0.9,1,1,JPEG,1,,\r\n",
            content(ROWS[0]).replace(b"\r\n", b"\n"),
            content(ROWS[0], row_format=RowFormat.JSONL),
        ],
    )
    def test_of_a_file_that_is_not_ours(self, out, foreign):
        interrupted_run(out, ROWS[0])
        out.write_bytes(foreign)
        self.refused(out, "does not hold rows")

    @BOTH_FORMATS
    def test_of_a_file_that_goes_on_without_the_end_of_a_line(self, out, row_format):
        """No torn row is so long, and looking for its end would fill the memory."""
        interrupted_run(out, ROWS[0], row_format=row_format)
        with out.open("ab") as file:
            file.write(b"x" * (18 << 20))
        self.refused(out, "does not hold rows", row_format)

    @pytest.mark.parametrize(
        "foreign",
        [b"1\n", b"{}\n", b"precious\n", b"[[[[\n", content(ROWS[0]), b"[" * 100_000 + b"\n"],
    )
    def test_of_json_lines_that_are_not_ours(self, out, foreign):
        interrupted_run(out, ROWS[0], row_format=RowFormat.JSONL)
        out.write_bytes(foreign)
        self.refused(out, "does not hold rows", RowFormat.JSONL)

    @pytest.mark.parametrize("stream", ["-", "/dev/null"])
    def test_of_a_stream(self, stream):
        with (
            pytest.raises(OutputError, match="--resume needs a regular file"),
            open_output(stream, RowFormat.CSV, Existing.RESUME),
        ):
            pytest.fail("it was opened")

    def test_of_a_folder(self, out):
        out.mkdir()
        self.refused(out, "it is a folder")


class TestTwoRuns:
    @pytest.mark.parametrize("first", list(Existing))
    @pytest.mark.parametrize("second", list(Existing))
    def test_the_second_is_refused_and_the_first_goes_on(self, out, first, second):
        if first is Existing.REPLACE:
            out.write_bytes(b"old")
        with opened(out, first) as output:
            output.begin(IDENTITY)
            output.write(ROWS[0])
            with pytest.raises(OutputError, match=r"another scan writes to|exists"):
                interrupted_run(out, existing=second)
            output.write(ROWS[1])
        assert out.read_bytes() == content(*ROWS[:2])
        assert set(names(out.parent)) == {"rows", *(["rows.update"] * (first is Existing.UPDATE))}

    def test_a_lock_that_a_killed_run_left_does_not_block(self, out):
        interrupted_run(out, ROWS[0])
        script = (
            "import fcntl, os, signal, sys\n"
            "file = open(sys.argv[1])\n"
            "fcntl.flock(file, fcntl.LOCK_EX)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        assert subprocess.run([sys.executable, "-c", script, out]).returncode == -9
        assert resumed_run(out) == PATHS[1:]

    def test_a_file_system_without_locks_is_no_reason_to_refuse(self, out, monkeypatch):
        def fail(*_arguments):
            raise portalocker.LockException(OSError(95, "Operation not supported"))

        monkeypatch.setattr(portalocker, "lock", fail)
        assert resumed_run(out) == PATHS

    def test_a_file_that_another_run_replaced_meanwhile_is_not_written(self, out, monkeypatch):
        interrupted_run(out, ROWS[0])
        real_lock = portalocker.lock

        def late(descriptor, flags):
            Path(f"{out}.new").write_bytes(b"new")
            Path(f"{out}.new").replace(out)
            return real_lock(descriptor, flags)

        monkeypatch.setattr(portalocker, "lock", late)
        with pytest.raises(OutputError, match="another scan has just written"):
            resumed_run(out)
        assert out.read_bytes() == b"new"


@given(
    st.lists(
        st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "ignore"))).map(
            lambda name: b"=" * (len(name) % 3 == 0) + name.replace(b"\0", b"")
        )
    ),
    st.sampled_from(list(RowFormat)),
)
def test_the_bytes_of_any_names_come_back_from_the_file(tmp_path_factory, names, row_format):
    path = tmp_path_factory.mktemp("rows") / "rows"
    rows = [
        ScanRow(name.decode("utf-8", "surrogateescape"), FileStatus.CORRUPT, error=f'="{number}"')
        for number, name in enumerate(names)
    ]
    path.write_bytes(content(*rows, row_format=row_format))
    with path.open("rb") as file:
        kept = kept_rows(file.fileno(), str(path), row_format)
        assert kept.verdicts.total() == len(names)
        assert kept.size == path.stat().st_size
        assert list(kept_paths(file.fileno(), kept, row_format)) == names


paths = st.lists(st.sampled_from([bytes([65 + n]) for n in range(12)]), unique=True)


class TestNotKept:
    @given(paths, st.integers(0, 12))
    def test_of_an_unchanged_tree_the_rest_is_scanned(self, found, count):
        kept = found[:count]
        rest = [file.path for file in not_kept(map(Found, found), iter(kept))]
        assert rest == found[len(kept) :]

    @given(paths, paths)
    @example([b"A", b"B"], [b"B"])
    @example([b"B"], [b"A", b"B"])
    def test_of_a_changed_tree_every_file_without_a_row_is_scanned_once(self, found, kept):
        rest = [file.path for file in not_kept(map(Found, found), iter(kept))]
        assert rest == [path for path in found if path not in kept]

    def test_the_same_missing_file_named_twice_keeps_its_two_rows(self):
        found = [b"gone", b"gone", b"a"]
        assert [file.path for file in not_kept(map(Found, found), iter(found[:2]))] == [b"a"]

    def test_an_unchanged_tree_is_compared_without_holding_it(self):
        import tracemalloc

        count = 100_000
        tracemalloc.start()
        found = (Found(b"%d" % n) for n in range(count))
        rest = not_kept(found, (b"%d" % n for n in range(count - 1)))
        assert [file.path for file in rest] == [b"%d" % (count - 1)]
        assert tracemalloc.get_traced_memory()[1] < 100_000
        tracemalloc.stop()
