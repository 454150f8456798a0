"""Files without a row of an earlier run of the same scan."""

from collections.abc import Iterable, Iterator
from itertools import chain

from ..files.walk import Found
from ..output.reader import _Fingerprints


def not_kept(found: Iterable[Found], kept: Iterator[bytes]) -> Iterator[Found]:
    """Yield the files that have no row yet, in the order of the walk.

    A new file is scanned at any place in the order. The row of a removed file stays, and is not
    looked at again.

    Args:
        found: files of the walk.
        kept: paths of the existing rows.
    """
    files = iter(found)
    # In this order: the pair at which one of the two ends loses its first half.
    for path, file in zip(kept, files, strict=False):
        if file.path != path:
            known = _Fingerprints(chain([path], kept))
            yield from (other for other in chain([file], files) if other.path not in known)
            return
    yield from files
