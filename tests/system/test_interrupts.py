"""Signals end the work in order, once, whoever swallows them."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from trustthepixels.infer.system.signals import Interrupted, interruptible


@pytest.fixture(autouse=True)
def handlers():
    """Put the handlers back, which stay after an interruption."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_is_raised_with_the_exit_code_that_shells_report(number, code):
    with pytest.raises(Interrupted, match=number.name) as caught, interruptible():
        send(number)
    assert caught.value.exit_code == code


def test_later_signals_do_not_disturb_the_tidying_up():
    tidy = False
    with pytest.raises(Interrupted, match="SIGTERM"), interruptible():
        try:
            send(signal.SIGTERM)
        finally:
            send(signal.SIGINT)
            tidy = True
    assert tidy


def test_it_is_not_caught_by_accident():
    with pytest.raises(Interrupted), interruptible():
        try:
            send(signal.SIGINT)
        except Exception:  # noqa: BLE001 - as careless code does
            pytest.fail("it was caught")


def test_a_library_that_turns_it_into_its_own_error_does_not_hide_it():
    with pytest.raises(Interrupted), interruptible():
        try:
            send(signal.SIGINT)
        except BaseException:  # noqa: BLE001 - as C code does
            raise ImportError("initialization failed") from None


def test_a_library_that_swallows_it_does_not_lose_it():
    with pytest.raises(Interrupted), interruptible() as signals:
        with contextlib.suppress(BaseException):
            send(signal.SIGINT)
        signals.check()
        pytest.fail("it went on")


def test_nor_one_that_swallows_it_at_the_end():
    with pytest.raises(Interrupted), interruptible(), contextlib.suppress(BaseException):
        send(signal.SIGINT)


def test_other_errors_and_other_handlers_stay_as_they_are():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="its own"), interruptible():
        raise ValueError("its own")
    with interruptible():
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible():
        send(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("count", [1, 2])
def test_one_that_another_thread_gets_wakes_the_main_thread(count):
    """As where two come at once: one of them, or both, can go to a thread of a library."""
    other_ready, never = threading.Event(), threading.Lock()
    never.acquire()

    def get_both() -> None:
        other_ready.wait()
        # The main thread waits by now, or is about to.
        time.sleep(0.2)
        for number in (signal.SIGTERM, signal.SIGINT)[:count]:
            signal.pthread_kill(threading.get_ident(), number)

    other = threading.Thread(target=get_both)
    other.start()
    with pytest.raises(Interrupted), interruptible():
        other_ready.set()
        never.acquire(timeout=60)
        pytest.fail("it waited on")
    other.join()


def test_after_an_interruption_further_signals_are_ignored_by_the_system():
    """Else one that comes while the interpreter ends would replace the exit code."""
    with pytest.raises(Interrupted), interruptible():
        send(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_nothing_is_left_behind():
    threads, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with interruptible():
            pass
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert signal.set_wakeup_fd(-1) == -1
