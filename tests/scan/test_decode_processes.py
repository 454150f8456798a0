"""Decode processes prepare files faster, and change nothing else."""

import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from image_files import make_pictures
from PIL import Image
from tiny_model import write_tiny_model

from trustthepixels.infer.choices import Device
from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.flow.channel import Channel
from trustthepixels.infer.images.limits import Isolation, Limits
from trustthepixels.infer.images.shape import InputShape, View
from trustthepixels.infer.isolation import process as child_process
from trustthepixels.infer.isolation.messages import unpacked
from trustthepixels.infer.isolation.pool import WorkerPool
from trustthepixels.infer.isolation.process import ChildProcess
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.session import Session, open_session
from trustthepixels.infer.results import FileStatus, ScanRow
from trustthepixels.infer.scan.decoding import count as process_count
from trustthepixels.infer.scan.decoding import process as decode_process
from trustthepixels.infer.scan.decoding import threads as decode_threads
from trustthepixels.infer.scan.decoding.count import affordable_processes, usual_decode_processes
from trustthepixels.infer.scan.decoding.process import (
    CHUNK,
    DecodeProcess,
    DecodeProcessGone,
    DecodeProcessSetup,
)
from trustthepixels.infer.scan.decoding.processes import DecodeProcesses, decode_processes_of
from trustthepixels.infer.scan.decoding.threads import DecodeThread, DecodeThreads
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import scan_rows
from trustthepixels.infer.scan.prepare import PreparedImage, Resources, prepare

resource = pytest.importorskip("resource", reason="decode processes need POSIX")

SETUP = DecodeProcessSetup(InputShape(224, 224), Limits(), 64 << 20, 1 << 20)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    model = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return open_session(read_model_file(model), Device.CPU, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    """Two hundred files of all formats, some damaged, which threads and workers decode."""
    folder = tmp_path_factory.mktemp("pictures")
    make_pictures(folder, sorted(examples.glob("*/*")), 200)
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path, session: Session) -> list[ScanRow]:
    return rows_of(folder, session, 0)


@pytest.fixture
def asked(monkeypatch) -> list[list[PreparedImage | None]]:
    """Return answers of decode processes that exist from the first file on."""
    answers: list[list[PreparedImage | None]] = []

    def prepare_and_note(self, paths):
        answers.append(real(self, paths))
        return answers[-1]

    real, at_once = DecodeProcess.prepare, DecodeProcess.is_ready
    monkeypatch.setattr(DecodeProcess, "prepare", prepare_and_note)
    monkeypatch.setattr(DecodeProcess, "is_ready", lambda self: at_once(self, 60.0))
    monkeypatch.setattr(decode_threads, "_ALONE_FIRST", 0)
    monkeypatch.setattr(Channel, "is_well_filled", True)
    return answers


@pytest.fixture
def started(monkeypatch) -> list[DecodeProcess]:
    """All processes that were started."""
    found: list[DecodeProcess] = []

    def start_and_note(self):
        process = real(self)
        if process is not None:
            found.append(process)
        return process

    real = DecodeProcesses.start
    monkeypatch.setattr(DecodeProcesses, "start", start_and_note)
    return found


@pytest.fixture
def process() -> Iterator[DecodeProcess]:
    process = DecodeProcess(SETUP)
    assert process.is_ready(60.0)
    yield process
    process.child.close()


def scan(folder: Path, session: Session, processes: int) -> Iterator[ScanRow]:
    options = ScanOptions(batch_size=4, decode_threads=2, decode_processes=processes)
    return scan_rows([bytes(folder)], session, session.spec.rule(), options)


def rows_of(folder: Path, session: Session, processes: int) -> list[ScanRow]:
    return list(scan(folder, session, processes))


class TestRows:
    def test_are_the_same_with_decode_processes(self, folder, session, expected, asked):
        assert rows_of(folder, session, 2) == expected
        answers = [answer for chunk in asked for answer in chunk]
        assert sum(answer is not None for answer in answers) > 100
        # Those that workers decode, and the damaged ones.
        assert any(answer is None for answer in answers)
        assert {row.status for row in expected} > {FileStatus.OK}

    def test_are_the_same_when_only_some_threads_have_one(
        self, folder, session, expected, asked, monkeypatch
    ):
        def after_the_first_answer(*arguments):
            # Else the thread without a process can be done before the other's has started.
            until(lambda: asked, timeout_s=60.0)
            return alone(*arguments)

        alone = decode_threads.prepare
        monkeypatch.setattr(decode_threads, "prepare", after_the_first_answer)
        assert rows_of(folder, session, 1) == expected
        assert asked

    def test_are_the_same_when_processes_crash(
        self, folder, session, expected, asked, monkeypatch, started
    ):
        def crash(self, paths):
            self.child.kill()
            return real(self, paths)

        real = DecodeProcess.prepare
        monkeypatch.setattr(DecodeProcess, "prepare", crash)
        monkeypatch.setattr(decode_threads, "_ALONE_AFTER", 5)
        assert rows_of(folder, session, 2) == expected
        assert len(started) > 2

    def test_are_the_same_when_a_process_stops_answering(
        self, folder, session, expected, asked, monkeypatch, started
    ):
        def stop(self, paths):
            self.child.process.send_signal(signal.SIGSTOP)
            return real(self, paths)

        real = DecodeProcess.prepare
        monkeypatch.setattr(DecodeProcess, "prepare", stop)
        monkeypatch.setattr(decode_process, "_SHORTEST_CHUNK_S", 0.2)
        options = ScanOptions(
            limits=Limits(timeout_s=0.2), batch_size=4, decode_threads=2, decode_processes=2
        )
        monkeypatch.setattr(decode_threads, "_ALONE_AFTER", 40)
        rows = list(scan_rows([bytes(folder)], session, session.spec.rule(), options))
        assert [row.path for row in rows] == [row.path for row in expected]
        assert started
        assert all(one.child.process.poll() is not None for one in started)

    def test_are_the_same_when_processes_talk_nonsense(
        self, folder, session, expected, asked, monkeypatch
    ):
        nonsense = {"rows": [[1, "x"]] * CHUNK}
        monkeypatch.setattr(DecodeProcess, "_receive", lambda self, timeout_s: nonsense)
        assert rows_of(folder, session, 2) == expected

    def test_are_the_same_when_no_process_can_be_had(
        self, folder, session, expected, asked, monkeypatch
    ):
        def refuse(*_, **__):
            raise OSError("no more processes")

        monkeypatch.setattr(child_process.subprocess, "Popen", refuse)
        monkeypatch.setattr(WorkerPool, "is_available", True)
        ours = [row for row in rows_of(folder, session, 2) if row.status is FileStatus.OK]
        by_thread = {"JPEG", "PNG", "WEBP", "BMP"}
        assert ours == [
            row for row in expected if row.status is FileStatus.OK and row.format in by_thread
        ]


class TestProcesses:
    def test_a_small_scan_starts_none(self, folder, session, started):
        small = folder / "0"
        assert len(rows_of(small, session, 2)) == 20
        assert not started

    def test_end_with_the_scan(self, folder, session, asked, started):
        rows_of(folder, session, 2)
        assert len(started) == 2
        assert all(one.child.process.poll() is not None for one in started)

    def test_end_when_the_scan_is_left_early(self, folder, session, asked, started):
        rows = scan(folder, session, 2)
        next(rows)
        rows.close()
        assert started
        until(lambda: all(one.child.process.returncode is not None for one in started))

    def test_end_when_the_scan_was_killed(self):
        """Their input ends then."""
        program = (
            "import time; from trustthepixels.infer.scan.decoding.process import *; "
            f"setup = DecodeProcessSetup(InputShape(224, 224), Limits(), {64 << 20}, {1 << 20}); "
            "process = DecodeProcess(setup); "
            "print(process.child.process.pid, process.is_ready(60.0), flush=True); time.sleep(60)"
        )
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as scan:
            assert scan.stdout is not None
            pid, is_ready = scan.stdout.readline().split()
            assert is_ready == b"True"
            scan.kill()
        until(lambda: not runs(int(pid)))

    def test_that_cannot_start_are_not_tried_for_ever(
        self, folder, session, expected, asked, started, monkeypatch
    ):
        monkeypatch.setattr(
            decode_process,
            "ChildProcess",
            lambda module, *rest: ChildProcess("no_such_module", *rest),
        )
        monkeypatch.setattr(decode_threads, "_ALONE_AFTER", 0)
        assert rows_of(folder, session, 2) == expected
        assert 0 < len(started) <= 4

    def test_run_the_version_of_the_scan(self, tmp_path, examples):
        """Wherever that was imported from, and whatever is installed."""
        package = Path(decode_process.__file__).parents[2]
        shutil.copytree(package, tmp_path / "trustthepixels" / "infer")
        # A package wins over a namespace, wherever the two are on the path.
        (tmp_path / "trustthepixels" / "__init__.py").touch()
        copy = tmp_path / "trustthepixels" / "infer"
        changed = copy / "scan" / "decoding" / "answers.py"
        changed.write_text(changed.read_text().replace("row.note, name", "'of the copy', name"))
        program = (
            "import sys; sys.path.insert(0, sys.argv[1]); "
            "from trustthepixels.infer.scan.decoding.process import *; "
            f"setup = DecodeProcessSetup(InputShape(224, 224), Limits(), {64 << 20}, {1 << 20}); "
            "process = DecodeProcess(setup); "
            "process.is_ready(60.0); print(process.prepare([sys.argv[2].encode()])[0].row.note)"
        )
        picture = next(examples.glob("AI/*.jpg"))
        arguments = [sys.executable, "-c", program, str(tmp_path), str(picture)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == "of the copy\n"


def until(is_so, timeout_s: float = 10.0) -> None:
    """Wait until something is so, for a limited time."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Return whether a process runs, not only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class TestDecodeProcess:
    def test_gives_what_a_thread_would(self, process, examples):
        paths = [bytes(path) for path in sorted(examples.glob("AI/*"))[:CHUNK]]
        answers = process.prepare(paths)
        for path, answer in zip(paths, answers, strict=True):
            own = prepare(Found(path), SETUP.shape, SETUP.limits)
            assert isinstance(own, PreparedImage)
            assert answer is not None
            assert (answer.row, answer.doubt) == (own.row, own.doubt)
            assert (answer.pixels == own.pixels).all()

    def test_gives_every_view(self, examples):
        both = replace(SETUP, shape=InputShape(64, 48, (View.WHOLE, View.PART)))
        process = DecodeProcess(both)
        try:
            until(lambda: process.is_ready(1.0))
            path = bytes(min(examples.glob("Real/*")))
            (answer,) = process.prepare([path])
            own = prepare(Found(path), both.shape, both.limits)
            assert isinstance(own, PreparedImage)
            assert answer is not None
            assert answer.pixels.shape == (2, 64, 48, 3)
            assert (answer.pixels == own.pixels).all()
        finally:
            process.child.close()

    def test_a_doubt_is_passed_on(self, process, tmp_path):
        path = tmp_path / "grey.png"
        Image.new("RGB", (100, 100), "grey").save(path)
        (answer,) = process.prepare([bytes(path)])
        own = prepare(Found(bytes(path)), SETUP.shape, SETUP.limits)
        assert isinstance(own, PreparedImage)
        assert answer is not None
        assert own.doubt is not None
        assert (answer.row, answer.doubt) == (own.row, own.doubt)

    def test_leaves_what_is_not_simple(self, process, tmp_path, examples):
        (tmp_path / "text.jpg").write_text("no picture")
        Image.new("RGB", (50, 50)).save(tmp_path / "frames.gif")
        (tmp_path / "large.jpg").write_bytes(
            next(examples.glob("AI/*.jpg")).read_bytes().ljust(SETUP.largest + 1)
        )
        names = ("text.jpg", "frames.gif", "large.jpg", "not there.jpg", "")
        paths = [bytes(tmp_path / name) for name in names]
        assert process.prepare(paths) == [None] * len(names)

    def test_that_was_killed_says_so(self, process):
        process.child.kill()
        process.child.process.wait()
        with pytest.raises(DecodeProcessGone):
            process.is_ready()
        with pytest.raises(DecodeProcessGone):
            process.prepare([b"a.jpg"])

    def test_is_where_the_scan_is(self, process, tmp_path, monkeypatch):
        Image.radial_gradient("L").save(tmp_path / "here.png")
        monkeypatch.chdir(tmp_path)
        assert process.prepare([b"here.png"])[0] is not None
        monkeypatch.chdir(tmp_path.parent)
        assert process.prepare([b"here.png"]) == [None]

    @pytest.mark.parametrize(
        "row",
        [
            [100, 100, "JPEG", 5, "", "NO_DOUBT", None, ""],
            [-1, 100, "JPEG", 5, "", None, None, ""],
            [100, 100, "POSTSCRIPT", 5, "", None, None, ""],
            [100, 100, "JPEG", 5, "two\nlines", None, None, ""],
            [100, 100, "JPEG", 5, "\ud800", None, None, ""],
            [100, 100, "JPEG", 5, "", None, {"origin": "nowhere"}, ""],
            [100, 100, "JPEG", 5, "", None],
            "ok",
        ],
    )
    def test_that_lies_is_not_believed(self, process, row, monkeypatch):
        monkeypatch.setattr(process.child, "receive", lambda most: ({"rows": [row]}, b""))
        with pytest.raises(DecodeProcessGone):
            process.prepare([b"a.jpg"])

    def test_that_tells_the_truth_is_believed(self, process, monkeypatch):
        row = [100, 100, "JPEG", 5, "", None, None, ""]
        monkeypatch.setattr(process.child, "receive", lambda most: ({"rows": [row]}, b""))
        (answer,) = process.prepare([b"a.jpg"])
        assert answer is not None
        assert answer.row.width == 100

    def test_has_a_worker_s_limits(self, process):
        process.prepare([b"a.jpg"])
        limits = Path(f"/proc/{process.child.process.pid}/limits").read_text().splitlines()
        for name in ("Max cpu time", "Max data size"):
            (line,) = (line for line in limits if line.startswith(name))
            assert line.removeprefix(name).split()[0].isdigit(), line

    def test_cannot_nest_its_answer_too_deeply(self):
        text = b'{"rows":' + b"[" * 60_000
        message = io.BytesIO(struct.pack(">IQ", len(text), 0) + text)
        with pytest.raises(ValueError, match="nested"):
            unpacked(message.read, 0)

    def test_cannot_cut_the_memory_short(self):
        """Reading what is gone would end the scan."""
        descriptor = decode_process.memory_file(4096)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)


class TestDecodeProcessesOf:
    RESOURCES = Resources(MemoryBudget(1 << 30), WorkerPool())

    def count(self, number: int, **changes: object) -> bool:
        resources = replace(self.RESOURCES, **changes)
        return decode_processes_of(number, InputShape(224, 224), Limits(), resources) is not None

    def test_need_memory_each(self):
        assert self.count(4)
        assert not self.count(4, budget=MemoryBudget(40 << 20))

    def test_are_as_many_as_can_be_had(self, monkeypatch):
        monkeypatch.setattr(process_count, "usable_memory", lambda: 64 << 30)
        assert affordable_processes(96, 2 << 30) == 48
        assert affordable_processes(8, 2 << 30) == 8
        monkeypatch.setattr(process_count, "usable_memory", lambda: 4 << 30)
        assert affordable_processes(96, 2 << 30) == 10
        few = sum(1 for _ in Path("/dev/fd").iterdir()) + 64 + 4 * 3
        monkeypatch.setattr(resource, "getrlimit", lambda _: (few, few))
        assert affordable_processes(96, 2 << 30) in (2, 3)
        monkeypatch.setattr(resource, "getrlimit", lambda _: (32, 32))
        assert affordable_processes(96, 2 << 30) == 0

    def test_are_of_no_use_where_every_file_is_isolated(self):
        assert not self.count(4, isolation=Isolation.ALL)

    def test_are_not_had_where_no_process_is(self):
        assert not self.count(4, workers=None)

    def test_come_with_many_threads(self):
        assert [usual_decode_processes(threads) for threads in (1, 7, 8, 64)] == [0, 0, 8, 64]

    def test_are_no_more_than_threads(self):
        assert ScanOptions(decode_threads=3, decode_processes=9).processes == 3
        assert ScanOptions(decode_threads=16).processes == 16
        assert ScanOptions(decode_threads=16, decode_processes=0).processes == 0


def test_what_a_process_left_is_for_whichever_thread_is_free(examples):
    found = Channel[tuple[int, Found]](10)
    found.close()
    shared = DecodeThreads(found, SETUP.shape, SETUP.limits, TestDecodeProcessesOf.RESOURCES, None)
    pictures = [bytes(path) for path in sorted(examples.glob("AI/*.jpg"))[:2]]
    for number, path in enumerate(pictures):
        shared.leave((number, Found(path)), Isolation.ODD)
    threads = [DecodeThread(shared).prepared() for _ in range(2)]
    assert [next(thread)[0] for thread in threads] == [0, 1]
    assert [list(thread) for thread in threads] == [[], []]


def test_a_channel_gives_several_items_and_waits_for_one_only():
    channel = Channel[int](10)
    for number in range(5):
        channel.put(number)
    assert channel.take(3) == [0, 1, 2]
    assert channel.take(3) == [3, 4]
    channel.close()
    assert channel.take(3) == []
