"""Bookkeeping under two Pythons: ``python -m benchmarks.interpreters OTHER_PYTHON FOLDER``.

Each Python scans the folder with a model that costs nothing, once on one core with one decode
thread and once on all cores with a thread on each, by turns. The rows are compared, too. The other
Python needs the dependencies of the torch-free install; ``trustthepixels`` itself is taken from
this checkout.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PACKAGE = "trustthepixels"


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
    pythons = [sys.executable, str(arguments.python)]
    cores = len(os.sched_getaffinity(0))
    takes: dict[tuple[str, int], list[_Take]] = {}
    for _ in range(arguments.rounds):
        for python in pythons:
            for count in (1, cores):
                takes.setdefault((python, count), []).append(_scan(python, arguments.folder, count))
    digests = {take.digest for several in takes.values() for take in several}
    print("rows are equal" if len(digests) == 1 else f"ROWS DIFFER: {sorted(digests)}")
    for python in pythons:
        one, all_cores = ([take.rate for take in takes[python, count]] for count in (1, cores))
        ratio = statistics.median(all_cores) / statistics.median(one)
        print(f"{takes[python, 1][0].version}")
        print(f"  one core    {_text(one)}\n  {cores} cores     {_text(all_cores)}")
        print(f"  all cores against one: {ratio:.2f}")


def _text(rates: list[float]) -> str:
    return f"{statistics.median(rates):.0f} files/s ({min(rates):.0f} to {max(rates):.0f})"


def _scan(python: str, folder: Path, cores: int) -> _Take:
    """Scan a folder in a new process on some cores."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / _PACKAGE).mkdir()
        (Path(place) / _PACKAGE / "infer").symlink_to(_ROOT / "infer")
        done = subprocess.run(
            [python, "-P", "-m", "benchmarks.interpreters", "--take", str(folder), str(cores)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([place, str(_ROOT)])},
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return _Take(**json.loads(done.stdout))


def _take(folder: str, threads: int) -> None:
    """Scan a folder here, and print the take as JSON."""
    from trustthepixels.infer.choices import RowFormat
    from trustthepixels.infer.output.rows import encode_row
    from trustthepixels.infer.scan.options import ScanOptions
    from trustthepixels.infer.scan.pipeline import scan_rows

    from ..no_model import NO_MODEL, NO_VERDICT

    options = ScanOptions(decode_threads=threads, batches_in_flight=threads, decode_processes=0)
    digest, count, start = hashlib.sha256(), 0, time.perf_counter()
    for row in scan_rows([os.fsencode(folder)], NO_MODEL, NO_VERDICT, options):
        digest.update(encode_row(row, RowFormat.CSV))
        count += 1
    rate = count / (time.perf_counter() - start)
    take = {"rate": rate, "digest": digest.hexdigest(), "version": sys.version.replace("\n", " ")}
    print(json.dumps(take))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--take"]:
        _take(sys.argv[2], int(sys.argv[3]))
    else:
        main()
