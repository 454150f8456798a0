"""What a terminal is shown: our lines, without control characters, and nothing of the decoders'."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from ..results import ScanRow
from ..scan.counts import ScanCounts


def quiet_decoders() -> None:
    """Keep what image decoders say about odd files away from standard error, for good.

    Pillow warns, and C libraries below it write to descriptor 2 on their own, with text from the
    file. What they mean arrives as an exception too. Our own lines go on to the old standard error.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if sys.stderr is None:
        return
    sys.stderr.flush()
    ours = os.dup(_STDERR)
    encoding = sys.stderr.encoding
    sys.stderr = os.fdopen(ours, "w", buffering=1, encoding=encoding, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)


_STDERR = 2


@contextmanager
def progress_bar(counts: ScanCounts, *, visible: bool) -> Iterator[Callable[[ScanRow], None]]:
    """Count rows, and show how many there are and how fast they come while the block runs.

    Args:
        counts: what the rows are counted in.
        visible: on standard error; else nothing is shown.
    """
    if not visible:
        yield counts.add
        return
    # Slow to import, and most scans run where nobody watches.
    bar_class = import_module("tqdm").tqdm
    with bar_class(initial=counts.files, unit=" images", dynamic_ncols=True, leave=False) as bar:

        def add(row: ScanRow) -> None:
            counts.add(row)
            if bar.update():
                bar.set_postfix(counts.by_kind(), refresh=False)

        yield add
