"""Signals end the work in order, once, whoever swallows them."""

import contextlib
import os
import signal

import pytest

from trustthepixels.infer.interrupts import Interrupted, interruptible


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
