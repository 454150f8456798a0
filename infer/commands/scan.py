"""``scan-folder`` and ``trustthepixels scan``: one row for every image in folders.

NumPy, Pillow and ONNX Runtime are imported where the scan starts, so that ``--help`` and wrong
usage answer at once.
"""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from ..devices import Device, usual_batch_size
from ..errors import ExitCode, InputError
from ..filelist import open_list
from ..interrupts import Interrupted, Signals, interruptible
from ..progress import ScanCounts, progress_bar, summary
from ..rows import RowFormat
from ..stages import THREAD_PREFIX
from ..writer import STANDARD_OUTPUT, open_output
from .options import (
    device_option,
    false_positive_rate_option,
    model_option,
    no_unsure_option,
    threads_option,
    threshold_option,
)
from .run import run
from .terminal import note, quiet_decoders

if TYPE_CHECKING:
    from ..pipeline import ScanOptions
    from ..session import Session
    from ..spec import VerdictRule


@dataclass(frozen=True, slots=True)
class _Input:
    """What is scanned."""

    paths: tuple[str, ...]
    files_from: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    follow_links: bool
    max_pixels: int | None


@dataclass(frozen=True, slots=True)
class _Model:
    """What judges, where, and with how much of the machine."""

    model: str
    device: Device
    false_positive_rate: float | None
    threshold: float | None
    unsure: bool
    threads: int | None
    batch_size: int | None
    decode_threads: int | None


@dataclass(frozen=True, slots=True)
class _Output:
    """Where rows and messages go."""

    out: str
    row_format: RowFormat
    force: bool
    quiet: bool


@click.command("scan", no_args_is_help=False)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--out", required=True, metavar="FILE|-", help="Where the rows go; - is standard output."
)
@click.option(
    "--format",
    "row_format",
    type=click.Choice([row_format.value for row_format in RowFormat]),
    default=RowFormat.CSV.value,
    show_default=True,
    callback=lambda _context, _parameter, value: RowFormat(value),
    help="CSV, or one JSON object on each line.",
)
@click.option("--force", is_flag=True, help="Replace FILE where it exists, when the scan is done.")
@click.option(
    "--files-from",
    metavar="FILE|-",
    help="Also scan the paths in FILE, one to a line or separated by NUL; - is standard input.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="In folders, scan only files that match; may be repeated. "
    "A GLOB with a slash is matched against the path below PATH, any other against the name.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="In folders, leave out files and folders that match, such as '.*' for hidden ones; "
    "may be repeated.",
)
@click.option("--follow-links", is_flag=True, help="Enter links to folders; loops end.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse larger images before they are decoded.  [default: 178956970]",
)
@model_option
@device_option
@false_positive_rate_option
@threshold_option
@no_unsure_option
@click.option(
    "--batch-size",
    type=click.IntRange(1, 4096),
    metavar="N",
    help="Images that the model gets at once.  [default: 8 on the CPU, else 64]",
)
@threads_option
@click.option(
    "--decode-threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads that read and decode.  [default: the cores that this process may use]",
)
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.pass_context
def scan(context: click.Context, /, **values: Any) -> None:
    """Write one row for every image in folders, or for single files.

    Each PATH is a folder, scanned with all that is below it, or a file. The columns are path,
    status, verdict (ai, unsure or real), p_ai, width, height, format, bytes, error and note.

    Exit codes: 0 all files fine; 1 done, but some files failed, and their rows say why; 2 wrong
    usage, input or output; 3 the model or the device cannot be used; 130 interrupted.
    """
    source, output = _picked(_Input, values), _picked(_Output, values)
    if not source.paths and source.files_from is None:
        raise click.UsageError("name at least one PATH, or a list with --files-from", context)
    report = _Report()
    quiet_decoders()
    try:
        with interruptible() as signals:
            _scan(source, _picked(_Model, values), output, report, signals)
    except Interrupted as interruption:
        if not output.quiet:
            note(f"interrupted: {report.text(report.rows_in)}")
        _leave(context, interruption.exit_code)
    if not output.quiet:
        note(report.text(output.out))
    context.exit(ExitCode.SOME_FILES_FAILED if report.counts.failed else ExitCode.OK)


def main() -> NoReturn:
    """Entry point of ``scan-folder``."""
    run(scan)


@dataclass(slots=True)
class _Report:
    """What there is to say at the end, however it came."""

    counts: ScanCounts = field(default_factory=ScanCounts)
    provider: str = ""
    started: float = field(default_factory=time.monotonic)
    rows_in: str = STANDARD_OUTPUT

    def text(self, rows_in: str) -> str:
        line = summary(self.counts, time.monotonic() - self.started, self.provider)
        has_file = self.counts.files and rows_in != STANDARD_OUTPUT
        return f"{line}; the rows are in {rows_in}" if has_file else line


def _scan(
    source: _Input, model: _Model, output: _Output, report: _Report, signals: Signals
) -> None:
    """Check everything that is quick to check, then load the model, then scan."""
    with ExitStack() as stack:
        roots = stack.enter_context(_roots(source))
        writer = stack.enter_context(
            open_output(output.out, output.row_format, replace=output.force)
        )
        report.rows_in = writer.path
        stack.enter_context(signals.surfacing())
        session, rule = _open_model(model, output)
        options = _options(source, model, session, frozenset(writer.identities))
        report.provider, report.started = session.provider, time.monotonic()
        from ..pipeline import scan_rows

        rows = stack.enter_context(closing(scan_rows(roots, session, rule, options)))
        show = stack.enter_context(progress_bar(report.counts, visible=_is_watched(output)))
        for row in rows:
            writer.write(row)
            show(row)
            signals.check()


@contextmanager
def _roots(source: _Input) -> Iterator[Iterable[bytes]]:
    """What is named on the command line, then what the list names."""
    for path in source.paths:
        if not os.path.lexists(path):
            raise InputError(f"there is no file or folder {path!r}")
    named = [os.fsencode(path) for path in source.paths]
    if source.files_from is None:
        yield named
    else:
        with open_list(source.files_from) as listed:
            yield chain(named, listed)


def _open_model(choice: _Model, output: _Output) -> "tuple[Session, VerdictRule]":
    from ..bundled import load_model
    from ..cpu import available_cores
    from ..session import open_session

    file = load_model(choice.model)
    rule = file.spec.rule(
        false_positive_rate=choice.false_positive_rate,
        threshold=choice.threshold,
        unsure=choice.unsure,
    )
    session = open_session(file, choice.device, choice.threads or available_cores())
    if session.fallback_reason:
        note(f"scanning on the CPU, because the GPU cannot be used: {session.fallback_reason}")
    elif choice.device is Device.AUTO and not output.quiet:
        note(f"scanning on the device '{session.device}' ({session.provider})")
    return session, rule


def _options(
    source: _Input, model: _Model, session: "Session", never: frozenset[tuple[int, int]]
) -> "ScanOptions":
    from ..cpu import available_cores
    from ..decode import Limits
    from ..pipeline import ScanOptions
    from ..walk import WalkOptions

    limits = Limits() if source.max_pixels is None else Limits(max_pixels=source.max_pixels)
    return ScanOptions(
        walk=WalkOptions(
            include=source.include,
            exclude=source.exclude,
            follow_links=source.follow_links,
            never=never,
        ),
        limits=limits,
        batch_size=model.batch_size or usual_batch_size(session.device),
        decode_threads=model.decode_threads or available_cores(),
    )


def _is_watched(output: _Output) -> bool:
    """Whether somebody sees standard error, and rows do not run through the same terminal."""
    if output.quiet or sys.stderr is None or not sys.stderr.isatty():
        return False
    return not (output.out == STANDARD_OUTPUT and sys.stdout.isatty())


def _leave(context: click.Context, code: int) -> NoReturn:
    """End an interrupted process, without waiting for a thread that still computes."""
    if any(thread.name.startswith(THREAD_PREFIX) for thread in threading.enumerate()):
        # The interpreter's own shutdown would pull the ground from under it.
        os._exit(code)
    context.exit(code)


Choice = TypeVar("Choice", _Input, _Model, _Output)


def _picked(choice: type[Choice], values: dict[str, Any]) -> Choice:
    return choice(**{known.name: values[known.name] for known in fields(choice)})
