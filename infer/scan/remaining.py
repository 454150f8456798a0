"""Files that an earlier run of the same scan has no row for."""

from collections.abc import Iterable, Iterator
from itertools import chain

from ..files.walk import Found
from ..output.reader import _Fingerprints


def not_kept(found: Iterable[Found], kept: Iterator[bytes]) -> Iterator[Found]:
    """The files that have no row yet, in the order in which they are found.

    A file that came since is scanned, wherever it stands in the order. A row whose file went since
    stays, and is not looked at again.

    Args:
        found: the walk.
        kept: the paths of the rows that there are.
    """
    files = iter(found)
    # In this order, because the pair at which one of the two ends loses its first half.
    for path, file in zip(kept, files, strict=False):
        if file.path != path:
            known = _Fingerprints(chain([path], kept))
            yield from (other for other in chain([file], files) if other.path not in known)
            return
    yield from files
