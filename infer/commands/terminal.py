"""Terminal output: lines of this program without control characters, none of the decoders'."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TextIO

from ..errors import ExitCode, TrustThePixelsError
from ..results import ScanRow
from ..scan.counts import Report, ScanCounts
from ..scan.request import ScanRequest
from ..system.best_effort import best_effort
from ..system.signals import Interrupted, Signals, interruptible
from ..system.terminal import note


def quiet_decoders() -> None:
    """Keep messages of image decoders about odd files off standard error, permanently.

    Pillow warns, and C libraries below it write to descriptor 2 on their own, with text from the
    file. The same messages arrive as exceptions. This program's lines go to the old standard error.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if sys.stderr is None:
        return
    sys.stderr.flush()
    ours = os.dup(_STDERR)
    sys.stderr = best_effort(ours, sys.stderr.encoding)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)


_STDERR = 2


@contextmanager
def progress_bar(counts: ScanCounts, *, visible: bool) -> Iterator[Callable[[ScanRow], None]]:
    """Count rows, and show their number and speed while the block runs.

    Args:
        counts: counts of the rows.
        visible: true shows a bar on standard error.
    """
    if not visible:
        yield counts.add
        return
    with counts_bar(counts, visible=True) as show:

        def add(row: ScanRow) -> None:
            counts.add(row)
            show()

        yield add


@contextmanager
def counts_bar(
    counts: ScanCounts, *, visible: bool, stream: TextIO | None = None
) -> Iterator[Callable[[], None]]:
    """Show the number and speed of counted rows while the block runs; call it after counting.

    Args:
        counts: counts of the rows.
        visible: true shows a bar.
        stream: where it is shown; by default standard error.
    """
    if not visible:
        yield lambda: None
        return
    # Slow to import, and most scans run unwatched.
    bar_class = import_module("tqdm").tqdm
    with bar_class(
        initial=counts.files, unit=" images", dynamic_ncols=True, leave=False, file=stream
    ) as bar:

        def show() -> None:
            if bar.update(counts.files - bar.n):
                bar.set_postfix(counts.by_kind(), refresh=False)

        yield show


@contextmanager
def steps_bar(count: int, unit: str, *, visible: bool) -> Iterator[Callable[[], None]]:
    """Show how many of a known number of steps are done while the block runs.

    Args:
        count: number of steps.
        unit: name of several steps.
        visible: true shows a bar on standard error.
    """
    if not visible:
        yield lambda: None
        return
    bar_class = import_module("tqdm").tqdm
    with bar_class(total=count, unit=f" {unit}", dynamic_ncols=True, leave=False) as bar:
        yield lambda: bar.update() and None


@contextmanager
def told_interruptions(
    request: ScanRequest, report: Report, tell: Callable[[str], None] = note
) -> Iterator[Signals]:
    """Let signals interrupt a scan while the block runs, and tell how to go on after an early end.

    An interruption ends the process.

    Args:
        request: what is scanned.
        report: filled while the scan runs.
        tell: takes lines for the user.

    Raises:
        TrustThePixelsError: the block raised it; the lines are told first.
    """
    try:
        with interruptible() as signals:
            yield signals
    except Interrupted as interruption:
        if not request.quiet:
            tell(f"interrupted: {report.text()}{report.advice()}")
        # Threads may compute for long, and the interpreter's own end takes time too.
        os._exit(interruption.exit_code)
    except TrustThePixelsError:
        if not request.quiet and report.advice():
            tell(f"not all files are scanned: {report.text()}{report.advice()}")
        raise


def told_end(request: ScanRequest, report: Report) -> ExitCode:
    """Tell how a scan ended, and return its exit code."""
    if not request.quiet:
        for line in report.left_out.lines():
            note(line)
        note(report.text(request.out))
    is_empty = not report.counts.files and not request.allow_empty
    if is_empty:
        note("there is nothing to scan; --allow-empty makes that a success")
    is_fine = not is_empty and not report.counts.failed
    return ExitCode.OK if is_fine else ExitCode.SOME_FILES_FAILED


def is_watched() -> bool:
    """Return whether somebody sees standard error."""
    return sys.stderr is not None and sys.stderr.isatty()
