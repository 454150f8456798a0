"""``scan-folder`` and ``trustthepixels scan``: one row for every image in folders.

What the options mean is here, what they lead to in ``scan_run``.
"""

import os
from dataclasses import fields
from typing import Any, TypeVar

import click

from ..errors import ExitCode, TrustThePixelsError
from ..output.rows import RowFormat
from ..scan.job import Report, scan_folders
from ..scan.request import ScanInput, ScanModel, ScanOutput
from ..system.signals import Interrupted, interruptible
from ..system.terminal import note
from .options import (
    allow_unverified_option,
    device_option,
    false_positive_rate_option,
    limit_options,
    model_option,
    no_unsure_option,
    threads_option,
    threshold_option,
)
from .terminal import progress_bar, quiet_decoders


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
    "--resume",
    is_flag=True,
    help="Go on with FILE where an earlier scan was interrupted; begin it where there is none.",
)
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
@limit_options
@model_option
@allow_unverified_option
@device_option
@false_positive_rate_option
@threshold_option
@no_unsure_option
@click.option(
    "--batch-size",
    type=click.IntRange(1, 4096),
    metavar="N",
    help="Images that the model gets at once.  [default: 4 on the CPU, else 64]",
)
@threads_option
@click.option(
    "--decode-threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads that read and decode.  [default: the cores that this process may use]",
)
@click.option(
    "--decode-processes",
    type=click.IntRange(0, 1024),
    metavar="N",
    help="Decode threads that have a process do their work in a long scan; 0 for none.  [default: "
    "all from 8 threads on, else none]",
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
    source, output = _picked(ScanInput, values), _picked(ScanOutput, values)
    if not source.paths and source.files_from is None:
        raise click.UsageError("name at least one PATH, or a list with --files-from", context)
    report = Report()
    # Nothing here multiplies matrices, and where its threads get no memory it ends the process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    quiet_decoders()
    try:
        with interruptible() as signals:
            scan_folders(source, _picked(ScanModel, values), output, report, signals, progress_bar)
    except Interrupted as interruption:
        if not output.quiet:
            note(f"interrupted: {report.text()}{report.advice()}")
        # Threads may compute for long, and the interpreter's own end takes time as well.
        os._exit(interruption.exit_code)
    except TrustThePixelsError:
        if not output.quiet and report.advice():
            note(f"not all files are scanned: {report.text()}{report.advice()}")
        raise
    if not output.quiet:
        note(report.text(output.out))
    context.exit(ExitCode.SOME_FILES_FAILED if report.counts.failed else ExitCode.OK)


Choice = TypeVar("Choice", ScanInput, ScanModel, ScanOutput)


def _picked(choice: type[Choice], values: dict[str, Any]) -> Choice:
    return choice(**{known.name: values[known.name] for known in fields(choice)})
