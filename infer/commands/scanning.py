"""Work of ``scan-folder``: the scan under its signals, and its words for people."""

import os
import sys
from functools import partial
from pathlib import Path

from ..choices import STANDARD_OUTPUT, Existing
from ..errors import ExitCode, UsageError
from ..output.whole_file import check_absent
from ..report.request import ModelSource, ReportRequest
from ..results import is_address
from ..scan.counts import Report
from ..scan.request import ScanRequest
from ..system.terminal import note
from .results.report import show_report
from .terminal import progress_bar, quiet_decoders, told_end, told_interruptions


def scan_to_the_end(request: ScanRequest) -> ExitCode:
    """Scan, write the report if there is one, and tell how it went.

    An interruption ends the process.

    Args:
        request: what to scan, and where the rows go.

    Raises:
        TrustThePixelsError: the scan could not begin, or not come to its end.
    """
    page = _report_request(request)
    report = Report()
    # No matrix is multiplied here, and without memory for its threads it ends the process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    quiet_decoders()
    progress = partial(progress_bar, visible=_is_watched(request))
    with told_interruptions(request, report) as signals:
        from ..scan.job.run import run_scan

        run_scan(request, report, signals, progress, note)
    code = told_end(request, report)
    if page is not None:
        show_report(page, quiet=request.quiet)
    return code


def _report_request(request: ScanRequest) -> ReportRequest | None:
    """Return the request of the page that follows the scan; ``None`` if there is none.

    Raises:
        UsageError: the rows will not be in a file.
        OutputError: the page cannot be written.
    """
    if request.report is None:
        return None
    is_stream = Path(request.out).exists() and not Path(request.out).is_file()
    if request.out == STANDARD_OUTPUT or is_stream or is_address(os.fsencode(request.out)):
        raise UsageError("--report reads the rows again: it needs --out with a file")
    replaces = request.existing is not Existing.REFUSE
    existing = Existing.REPLACE if replaces else Existing.REFUSE
    check_absent(request.report, existing)
    return ReportRequest(
        rows=request.out,
        out=request.report,
        existing=existing,
        model=request.model,
        trust=request.trust,
        model_source=ModelSource.SCAN,
        false_positive_rate=request.false_positive_rate,
        threshold=request.threshold,
        unsure=request.unsure,
        limits=request.limits,
        memory=request.memory,
        isolation=request.isolation,
    )


def _is_watched(request: ScanRequest) -> bool:
    """Return whether somebody sees standard error, and rows do not run through that terminal."""
    if request.quiet or sys.stderr is None or not sys.stderr.isatty():
        return False
    return not (request.out == STANDARD_OUTPUT and sys.stdout.isatty())
