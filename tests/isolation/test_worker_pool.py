"""Decoding in processes that can be killed: the same pixels, and an answer whatever happens."""

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from image_files import FILES, encoded, photograph

from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.flow.channel import Cancelled
from trustthepixels.infer.images.decode import DecodeError, decode_to_size
from trustthepixels.infer.images.limits import Limits, TruncatedPolicy
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.isolation import process as child_process
from trustthepixels.infer.isolation import worker_handle
from trustthepixels.infer.isolation.pool import WorkerPool
from trustthepixels.infer.results import FileStatus

SHAPE = InputShape(64, 48)
LIMITS = Limits()
SLOW_TIFF = encoded("TIFF", photograph().resize((4000, 4000)), compression="tiff_lzw")
"""Takes long enough to be interrupted, wherever it is decoded."""


@pytest.fixture
def pool():
    pool = WorkerPool()
    yield pool
    pool.cancel()


def outcome(pool: WorkerPool, data: bytes, limits: Limits = LIMITS, memory: int = 1 << 30):
    try:
        return pool.decode_to_size(data, SHAPE, limits, MemoryBudget(memory))
    except DecodeError as error:
        return error


EARLIER: set[int] = set()
"""Processes that other tests left, such as the resource tracker of ``multiprocessing``."""


@pytest.fixture(autouse=True)
def only_what_the_test_starts_counts() -> None:
    EARLIER.clear()
    EARLIER.update(children())


def children() -> set[int]:
    """Processes that this test has started and that have not ended."""
    found = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return {int(number) for number in found} - EARLIER


class TestAnswers:
    @pytest.mark.parametrize("name", FILES)
    def test_are_those_of_a_thread(self, pool, name):
        here = decode_to_size(FILES[name], SHAPE, LIMITS, MemoryBudget())
        there = outcome(pool, FILES[name])
        assert np.array_equal(there.pixels, here.pixels)
        assert (there.header, there.note) == (here.header, here.note)
        assert there.pixels.flags.writeable

    @pytest.mark.parametrize(
        "data",
        [b"", b"no image", FILES["tiff"][:200], FILES["png"][:-40], encoded("ICO")],
        ids=["empty", "text", "cut-header", "cut", "foreign"],
    )
    def test_are_those_of_a_thread_for_bad_files_too(self, pool, data):
        there = outcome(pool, data)
        with pytest.raises(DecodeError) as here:
            decode_to_size(data, SHAPE, LIMITS, MemoryBudget())
        assert (there.status, there.reason) == (here.value.status, here.value.reason)
        assert there.header == here.value.header

    def test_obey_the_limits(self, pool):
        error = outcome(pool, FILES["tiff"], Limits(max_pixels=100))
        assert (error.status, error.header.width) == (FileStatus.TOO_LARGE, 96)
        cut = FILES["png"][: len(FILES["png"]) // 2]
        decoded = outcome(pool, cut, Limits(truncated=TruncatedPolicy.SCORE))
        assert decoded.note == "truncated: its end is missing"

    def test_one_process_serves_many_files(self, pool):
        for data in (FILES["gif"], b"no image", FILES["tiff"][:-100], FILES["avif"]) * 3:
            outcome(pool, data)
        assert len(children()) == 1


class TestMemory:
    def test_a_file_beyond_the_whole_budget_is_too_large_and_costs_no_process(self, pool):
        for _ in range(2):
            error = outcome(pool, FILES["tiff"], memory=1000)
            assert error.status is FileStatus.TOO_LARGE
            assert (error.header.width, error.header.format) == (96, "TIFF")
        assert len(children()) == 1

    def test_what_a_worker_takes_comes_out_of_the_budget(self, pool):
        budget = MemoryBudget(20 << 20)
        done = threading.Event()

        def decode():
            pool.decode_to_size(FILES["tiff"], SHAPE, LIMITS, budget)
            done.set()

        with budget.share(budget.total):
            thread = threading.Thread(target=decode)
            thread.start()
            assert not done.wait(1.0)
        thread.join()
        assert done.is_set()

    def test_waiting_for_memory_does_not_count_as_time(self, pool):
        outcome(pool, FILES["gif"])
        budget = MemoryBudget(20 << 20)
        results = []
        limits = Limits(timeout_s=2.0)
        thread = threading.Thread(
            target=lambda: results.append(pool.decode_to_size(FILES["tiff"], SHAPE, limits, budget))
        )
        with budget.share(budget.total):
            thread.start()
            time.sleep(2.5)
        thread.join()
        assert results[0].header.format == "TIFF"


class TestEnds:
    def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_decoded(self, pool):
        outcome(pool, FILES["gif"])
        error = outcome(pool, SLOW_TIFF, Limits(timeout_s=0.05))
        assert error.status is FileStatus.TOO_SLOW
        assert error.reason == "not decoded within 0.05 s"
        assert outcome(pool, FILES["gif"]).header.format == "GIF"

    def test_a_scan_that_is_stopped_for_long_takes_the_answer_that_came_meanwhile(
        self, pool, monkeypatch
    ):
        """Ctrl-Z stops the scan and not its workers, which have a session of their own."""
        clock = SimpleNamespace(stopped_s=0.0)
        clock.monotonic = lambda: time.monotonic() + clock.stopped_s
        real_poll = select.poll

        class StoppedUntilReady:
            def __init__(self):
                self._poll = real_poll()
                self.poll = self._poll.poll

            def register(self, descriptor, event):
                self._poll.register(descriptor, event)
                self.poll()
                clock.stopped_s += 1000

        monkeypatch.setattr(worker_handle, "time", clock)
        monkeypatch.setattr(child_process, "time", clock)
        stopped = SimpleNamespace(
            poll=StoppedUntilReady, POLLIN=select.POLLIN, POLLOUT=select.POLLOUT
        )
        monkeypatch.setattr(child_process, "select", stopped)
        assert outcome(pool, FILES["gif"]).header.format == "GIF"

    def test_a_decoder_that_crashes_is_a_reason_for_one_file(self, pool):
        outcome(pool, FILES["gif"])
        (worker,) = children()
        os.kill(worker, signal.SIGSEGV)
        error = outcome(pool, FILES["gif"])
        assert error.status is FileStatus.CORRUPT
        assert error.reason == "its decoder crashed (SIGSEGV)"
        assert outcome(pool, FILES["gif"]).header.format == "GIF"

    def test_a_decoder_that_the_system_kills_is_a_reason_too(self, pool):
        outcome(pool, FILES["gif"])
        (worker,) = children()
        os.kill(worker, signal.SIGKILL)
        assert outcome(pool, FILES["gif"]).status is FileStatus.TOO_LARGE

    def test_cancelling_stops_a_decode_at_once_and_leaves_no_process(self, pool):
        outcome(pool, FILES["gif"])
        raised = []

        def decode():
            try:
                pool.decode_to_size(SLOW_TIFF * 1, SHAPE, LIMITS, MemoryBudget())
            except Cancelled:
                raised.append(True)

        thread = threading.Thread(target=decode)
        thread.start()
        time.sleep(0.1)
        pool.cancel()
        thread.join()
        assert raised == [True]
        assert children() == set()
        with pytest.raises(Cancelled):
            pool.decode_to_size(FILES["gif"], SHAPE, LIMITS, MemoryBudget())

    def test_no_process_outlives_a_scan_that_was_killed(self):
        script = """
            import os, signal, sys, threading
            sys.path[:0] = sys.argv[1:]
            from test_worker_pool import FILES, LIMITS, SHAPE, SLOW_TIFF, children
            from trustthepixels.infer.flow.budget import MemoryBudget
            from trustthepixels.infer.isolation.pool import WorkerPool
            pool = WorkerPool()
            pool.decode_to_size(FILES["gif"], SHAPE, LIMITS, MemoryBudget())
            print(*children(), flush=True)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
            pool.decode_to_size(SLOW_TIFF, SHAPE, LIMITS, MemoryBudget())
        """
        here = [str(folder) for folder in Path(__file__).parents[:2]]
        command = [sys.executable, "-c", textwrap.dedent(script), *here]
        killed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        worker = Path("/proc", killed.stdout.strip())
        for _ in range(500):
            if not worker.exists() or ") Z " in (worker / "stat").read_text():
                return
            time.sleep(0.02)
        raise AssertionError("the worker lives on")

    def test_where_no_process_can_be_started_the_file_is_a_reason(self, pool, monkeypatch):
        def fail(*_arguments, **_keywords):
            raise OSError(11, "Resource temporarily unavailable")

        monkeypatch.setattr(worker_handle.subprocess, "Popen", fail)
        error = outcome(pool, FILES["gif"])
        assert error.status is FileStatus.UNREADABLE
        assert "Resource temporarily unavailable" in error.reason

    def test_where_the_process_ends_at_once_the_file_is_a_reason(self, pool, monkeypatch):
        monkeypatch.setattr(sys, "executable", "/bin/false")
        assert outcome(pool, FILES["gif"]).status is FileStatus.UNREADABLE


class TestTakenOver:
    """A worker that a hostile file has taken over can say what it likes."""

    @pytest.mark.parametrize(
        "said",
        [
            b"garbage" * 100,
            b"\xff" * 12,
            b"\0\0\0\2\0\0\0\0\0\0\0\0[]",
            b"\0\0\0\2\0\0\0\0\0\0\0\0{}",
            b'\0\0\0\x0d\0\0\0\0\0\0\0\0{"memory":-1}',
            b'\0\0\0\x31\0\0\0\0\0\0\0\0{"status":"ok","reason":"","header":null,"a":"bb"}',
        ],
        ids=[
            "garbage",
            "huge-lengths",
            "a-list",
            "nothing",
            "negative-memory",
            "ok-without-pixels",
        ],
    )
    def test_nothing_but_a_reason_comes_of_it(self, pool, monkeypatch, tmp_path, said):
        program = tmp_path / "python"
        ready = b'\0\0\0\x0f\0\0\0\0\0\0\0\0{"ready": true}'
        (tmp_path / "said").write_bytes(ready + said)
        program.write_text(f"#!/bin/sh\ncat {tmp_path}/said; exec sleep 60 <&- >/dev/null\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        assert outcome(pool, FILES["gif"], Limits(timeout_s=2)).status is FileStatus.CORRUPT

    def test_a_module_in_the_current_folder_is_not_run(self, pool, tmp_path, monkeypatch):
        for name in ("numpy", "PIL", "trustthepixels", "simplejpeg", "json"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
        monkeypatch.chdir(tmp_path)
        assert outcome(pool, FILES["gif"]).header.format == "GIF"
