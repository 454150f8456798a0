"""A report from its request to the written page."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from ..output.finished import finished_rows
from ..output.rows import escape_path
from ..output.whole_file import check_absent, whole_file
from .facts import gather_facts
from .page import Places, page_lines
from .request import ReportRequest
from .sheets import sheets
from .tally import tally
from .thumbnails import make_thumbnails

Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Function that opens a display of so many steps, and gives a function to call after each."""


def write_report(request: ReportRequest, progress: Progress, tell: Callable[[str], None]) -> None:
    """Read the rows once, make the thumbnails, and write the page.

    Args:
        request: what to read and write.
        progress: shows the thumbnails that are done.
        tell: takes lines for the user.

    Raises:
        TrustThePixelsError: the rows or the model cannot be read, or the page cannot be written.
    """
    check_absent(request.out, request.existing)
    rows = finished_rows(request.rows)
    counted = tally(rows, request.pictures, len(rows.names))
    facts = gather_facts(request, rows, counted)
    if facts.doubt:
        tell(f"{facts.doubt}; name the scan's with --model, --fpr or --threshold")
    all_sheets = sheets(counted, facts.rule, request.pictures)
    shown = {row.path: row for sheet in all_sheets for row in sheet.rows}
    with progress(len(shown)) as step:
        thumbnails = make_thumbnails(shown.values(), request, step)
    places = Places(escape_path(request.rows), str(Path(request.out).absolute()), request.folder)
    with (
        whole_file(request.out, request.existing) as path,
        path.open("w", encoding="utf-8", newline="\n") as page,
    ):
        page.writelines(page_lines(counted, facts, all_sheets, thumbnails, places))
