"""Cost of decoding in other processes: ``python -m benchmarks.isolation FOLDER``.

The files of a folder go through the pipeline by turns, with a model that costs nothing:

- in threads, as far as ``infer.isolation.policy`` allows
- with a decode process for each thread
- with every file in a worker process

Medians with their spread are printed of three times: wall time, processor time of all processes,
and that of the scan's own process, in which threads wait for the GIL.
"""

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from trustthepixels.infer.images.limits import Isolation
from trustthepixels.infer.results import FileStatus
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import scan_rows

from .no_model import NO_MODEL, NO_VERDICT

_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


class Way(StrEnum):
    """Kind of process that decodes the files."""

    THREADS = "threads"
    PROCESSES = "processes"
    WORKERS = "workers"


@dataclass(frozen=True, slots=True)
class Taken:
    """One pass over the folder.

    Attributes:
        files: number of rows.
        decoded: number of rows with the status ``ok``.
        wall_s: wall time in seconds.
        processor_s: processor time of all processes, in seconds.
        own_s: processor time of the scan's process, in seconds.
    """

    files: int
    decoded: int
    wall_s: float
    processor_s: float
    own_s: float


def _processor_seconds(whose: int) -> float:
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


def _run(folder: str, way: Way, threads: int) -> Taken:
    options = ScanOptions(
        isolation=Isolation.ALL if way is Way.WORKERS else Isolation.ODD,
        decode_threads=threads,
        decode_processes=threads if way is Way.PROCESSES else 0,
    )
    started = time.perf_counter()
    before = [_processor_seconds(whose) for whose in _PROCESSES]
    rows = list(scan_rows([os.fsencode(folder)], NO_MODEL, NO_VERDICT, options))
    wall = time.perf_counter() - started
    own, children = (
        _processor_seconds(whose) - then for whose, then in zip(_PROCESSES, before, strict=True)
    )
    good = sum(row.status is FileStatus.OK for row in rows)
    return Taken(len(rows), good, wall, own + children, own)


def _figures(values: Sequence[float]) -> dict[str, float]:
    median = statistics.median(values)
    return {"median": round(median, 3), "spread": round((max(values) - min(values)) / median, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decode-threads", type=int, default=2)
    arguments = parser.parse_args()
    runs: dict[Way, list[Taken]] = {way: [] for way in Way}
    for round_ in range(arguments.rounds + 1):
        for way in list(Way)[:: 1 if round_ % 2 else -1]:
            taken = _run(arguments.folder, way, arguments.decode_threads)
            # The first round warms the disk cache.
            if round_:
                runs[way].append(taken)
    report = {
        way.value: {
            "files": found[0].files,
            "decoded": found[0].decoded,
            "wall_s": _figures([one.wall_s for one in found]),
            "processor_s": _figures([one.processor_s for one in found]),
            "own_s": _figures([one.own_s for one in found]),
        }
        for way, found in runs.items()
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
