"""``trustthepixels report``: one page with the pictures that are worth a look."""

from importlib import import_module
from typing import Any

import click

from ...report.request import PICTURES, ReportRequest
from ...system.terminal import note
from ..options import request_fields, request_options
from ..terminal import is_watched, quiet_decoders, steps_bar
from .shared import force_option, rows_argument, scanned_in


@click.command()
@rows_argument
@click.option("--out", required=True, metavar="FILE", help="Where the page goes.")
@force_option("a page")
@click.option(
    "--pictures",
    type=click.IntRange(0, 10_000),
    default=PICTURES,
    show_default=True,
    metavar="N",
    help="Most pictures of each kind.",
)
@scanned_in
@request_options("model", "trust", "false_positive_rate", "threshold", "unsure")
@request_options("limits", "memory", "isolation", "quiet")
def report(*, quiet: bool, **values: Any) -> None:
    """Write a page about RESULTS, the finished rows of a scan, that opens in any browser.

    The page holds everything it shows, opens no connection and runs no script. It shows the counts,
    a histogram of p_ai, and small pictures: those whose own metadata contradict the verdict, the
    likeliest AI pictures, the unsure ones nearest to the limits, and real ones at random.

    Rows do not name their model. Name it with --model, and its thresholds with --fpr or
    --threshold, if the scan did not use the default ones.
    """
    quiet_decoders()
    show_report(ReportRequest(**request_fields(**values)), quiet=quiet)


def show_report(request: ReportRequest, *, quiet: bool) -> None:
    """Write a report, with a progress bar if somebody watches.

    Args:
        request: what to read and write.
        quiet: true says nothing but errors.

    Raises:
        TrustThePixelsError: the rows cannot be read, or the page cannot be written.
    """
    # It loads the decoders, which --help does not need.
    write_report = import_module("trustthepixels.infer.report.write").write_report
    visible = is_watched() and not quiet
    tell = _nothing if quiet else note
    write_report(request, lambda count: steps_bar(count, "thumbnails", visible=visible), tell)
    if not quiet:
        note(f"wrote {request.out}")


def _nothing(_text: str) -> None:
    """Say nothing."""
