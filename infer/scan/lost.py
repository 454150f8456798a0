"""End of a scan when a share or disk goes away, instead of an error row for each file on it."""

from collections.abc import Iterable, Iterator

from ..errors import SourceLostError
from ..files.paths import stat_path
from ..files.read import is_lost, os_failure
from ..results import ScanRow, is_address

_MANY = 50
"""Number of consecutive unreadable files after which their share counts as gone."""


def while_present(rows: Iterable[ScanRow]) -> Iterator[ScanRow]:
    """Yield rows as long as the share or disk is present.

    Rows of a missing share are held back until a later file is readable. So a resumed scan scans
    these files again.

    Raises:
        SourceLostError: many consecutive rows report a missing share; or the last ones do, and
            their folder is missing too.
    """
    held: list[ScanRow] = []
    for row in rows:
        if row.verdict is None and is_lost(row.error):
            held.append(row)
            if len(held) == _MANY:
                raise _gone(held)
        else:
            yield from held
            held.clear()
            yield row
    if held and _has_lost_folder(held[-1]):
        raise _gone(held)
    yield from held


def _has_lost_folder(row: ScanRow) -> bool:
    path = row.path.encode("utf-8", "surrogateescape")
    if is_address(path):
        # It was asked again until the deadline.
        return True
    folder = path.rpartition(b"/")[0] or b"."
    try:
        stat_path(folder)
    except OSError as error:
        return is_lost(os_failure(folder, error).reason)
    return False


def _gone(rows: list[ScanRow]) -> SourceLostError:
    return SourceLostError(
        f"the last {len(rows)} files cannot be read ({rows[-1].error}); their share, disk or "
        "store seems to be gone"
    )
