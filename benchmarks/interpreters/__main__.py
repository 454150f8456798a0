"""Bookkeeping under two Pythons: ``python -m benchmarks.interpreters OTHER_PYTHON FOLDER``.

Each Python scans the folder with a model that costs nothing, once on one core with one decode
thread and once on all cores with a thread on each, by turns. The rows are compared, too. The other
Python needs the dependencies of the torch-free install; ``trustthepixels`` itself is taken from
this checkout.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..inputs.checkout import scanner_of
from ..processes import run
from ..series import interleaved, median
from ..settings import ROOT


@dataclass(frozen=True, slots=True)
class _Take:
    """One scan: files in a second, the digest of its rows, and the Python that made it."""

    rate: float
    digest: str
    version: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", type=Path, help="another interpreter")
    parser.add_argument("folder", type=Path, help="folder of many small files")
    parser.add_argument("--rounds", type=int, default=3, help="takes of each figure")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    pythons = {"this": sys.executable, "other": str(arguments.python)}
    with tempfile.TemporaryDirectory() as place:
        scanner = scanner_of(ROOT, Path(place), ROOT)
        scans = {
            (name, count): partial(_scan, python, arguments.folder.resolve(), count, scanner)
            for name, python in pythons.items()
            for count in (1, cores)
        }
        takes = interleaved(arguments.rounds, scans)
    digests = {take.digest for several in takes.values() for take in several}
    print("rows are equal" if len(digests) == 1 else f"ROWS DIFFER: {sorted(digests)}")
    for name in pythons:
        one, all_cores = ([take.rate for take in takes[name, count]] for count in (1, cores))
        print(f"{takes[name, 1][0].version}")
        print(f"  one core    {_text(one)}\n  {cores} cores     {_text(all_cores)}")
        print(f"  all cores against one: {median(all_cores) / median(one):.2f}")


def _text(rates: list[float]) -> str:
    return f"{median(rates):.0f} files/s ({min(rates):.0f} to {max(rates):.0f})"


def _scan(python: str, folder: Path, cores: int, scanner: dict[str, str]) -> _Take:
    """Scan a folder in a new process on some cores."""
    command = [python, "-P", "-m", "benchmarks.interpreters.take", str(folder), str(cores)]
    return _Take(**json.loads(run(command, cores=cores, environment=scanner).output))


if __name__ == "__main__":
    main()
