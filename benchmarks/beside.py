"""Cost of the scanner next to that of another checkout: ``python -m benchmarks.beside``.

``git worktree add --detach /tmp/other COMMIT`` makes the other checkout, and
``python -m benchmarks.beside /tmp/other FOLDER ...`` compares. The files of each folder go through
both pipelines by turns, with one decode thread and a model that costs nothing. Processor time is
compared, because other programs change it least. JPEGs are decoded in full on both sides.
The other checkout needs the present folders of ``infer`` (``images/``, ``scan/``).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .inputs.checkout import scanner_of
from .settings import ROOT


class _Scanner:
    """The scanner of one checkout, in a process of its own."""

    def __init__(self, checkout: Path, place: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmarks.beside", "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **scanner_of(checkout, place, ROOT)},
        )

    def seconds(self, folder: str) -> float:
        """Return the processor seconds for the files of a folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(folder, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve() -> None:
    """Scan the folders that standard input names, one per line."""
    from trustthepixels.infer.images.decode import Limits
    from trustthepixels.infer.results import FileStatus
    from trustthepixels.infer.scan.options import ScanOptions
    from trustthepixels.infer.scan.pipeline import scan_rows

    from .no_model import NO_MODEL, NO_VERDICT

    # The other checkout may be older than this choice.
    full: dict[str, Any] = (
        {"decode_size": "full"} if "decode_size" in Limits.__dataclass_fields__ else {}
    )
    options = ScanOptions(limits=Limits(**full), decode_threads=1, batch_size=4)
    for line in sys.stdin:
        started = time.process_time()
        rows = list(scan_rows([os.fsencode(line.rstrip("\n"))], NO_MODEL, NO_VERDICT, options))
        used = time.process_time() - started
        assert all(row.status is FileStatus.OK for row in rows), "a file failed; use sound files"
        print(used, flush=True)


def _compared(scanners: list[_Scanner], folder: str, rounds: int) -> dict[str, object]:
    ratios = []
    for round_ in range(rounds + 1):
        order = range(2) if round_ % 2 else range(1, -1, -1)
        seconds = {number: scanners[number].seconds(folder) for number in order}
        # The first round imports modules and warms the disk cache.
        if round_:
            ratios.append(seconds[0] / seconds[1])
    return {
        "folder": folder,
        "cost": round(statistics.median(ratios), 3),
        "from_to": [round(min(ratios), 3), round(max(ratios), 3)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        checkouts = (ROOT, arguments.other)
        scanners = [_Scanner(path, Path(place, str(n))) for n, path in enumerate(checkouts)]
        for folder in arguments.folders:
            print(json.dumps(_compared(scanners, folder, arguments.rounds)))
        for scanner in scanners:
            scanner.close()


if __name__ == "__main__":
    _serve() if sys.argv[1:] == ["--serve"] else main()
