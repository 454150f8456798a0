"""``scan-folder`` and ``trustthepixels scan``: one row for every image in folders."""

import os
import sys
from functools import partial
from typing import Any

import click

from ..errors import ExitCode, TrustThePixelsError
from ..output.writer import STANDARD_OUTPUT
from ..scan.counts import Report
from ..scan.request import ScanRequest
from ..system.signals import Interrupted, interruptible
from ..system.terminal import note
from .help import SHORT_HELP, version_option
from .options import request_options, scan_request
from .terminal import progress_bar, quiet_decoders


@click.command("scan", no_args_is_help=False, context_settings=SHORT_HELP)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@request_options()
@version_option
@click.pass_context
def scan(context: click.Context, /, **values: Any) -> None:
    """Write one row for every image in folders, or for single files.

    Each PATH is a folder, scanned with all of its sub-folders, or a file. The columns are path,
    status, verdict (ai, unsure or real), p_ai, width, height, format, bytes, error and note;
    with --provenance also origin, origin_grade and origin_evidence.

    Exit codes: 0 success; 1 done, but some files failed, and their rows give the reason, or there
    were no files; 2 wrong usage, input or output; 3 the model or the device cannot be used; 5 the
    share or disk with the files went away; 130 interrupted.
    """
    request = scan_request(**values)
    report = Report()
    # No matrix is multiplied here, and without memory for its threads it ends the process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    quiet_decoders()
    progress = partial(progress_bar, visible=_is_watched(request))
    try:
        with interruptible() as signals:
            from ..scan.job import run_scan

            run_scan(request, report, signals, progress, note)
    except Interrupted as interruption:
        if not request.quiet:
            note(f"interrupted: {report.text()}{report.advice()}")
        # Threads may compute for long, and the interpreter's own end takes time too.
        os._exit(interruption.exit_code)
    except TrustThePixelsError:
        if not request.quiet and report.advice():
            note(f"not all files are scanned: {report.text()}{report.advice()}")
        raise
    if not request.quiet:
        for line in report.left_out.lines():
            note(line)
        note(report.text(request.out))
    is_empty = not report.counts.files and not request.allow_empty
    if is_empty:
        note("there is nothing to scan; --allow-empty makes that a success")
    is_fine = not is_empty and not report.counts.failed
    context.exit(ExitCode.OK if is_fine else ExitCode.SOME_FILES_FAILED)


def _is_watched(request: ScanRequest) -> bool:
    """Return whether somebody sees standard error, and rows do not run through that terminal."""
    if request.quiet or sys.stderr is None or not sys.stderr.isatty():
        return False
    return not (request.out == STANDARD_OUTPUT and sys.stdout.isatty())
