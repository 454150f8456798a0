"""What it costs to decode in worker processes: ``python -m benchmarks.isolation FOLDER``.

The files of a folder go through the pipeline, with a model that costs nothing, in threads as far as
``infer.placement`` allows and with every file in a process, in turns. Wall time, and processor time
of all processes, are printed as medians with their spread.
"""

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Sequence

from trustthepixels.infer.pipeline import ScanOptions, scan_rows
from trustthepixels.infer.placement import Isolation
from trustthepixels.infer.results import FileStatus

from .no_model import NoModel, no_verdict


def _processor_seconds() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usages = [resource.getrusage(who) for who in whose]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _run(folder: str, isolation: Isolation, threads: int) -> tuple[float, float, int, int]:
    options = ScanOptions(isolation=isolation, decode_threads=threads)
    started, processor = time.perf_counter(), _processor_seconds()
    rows = list(scan_rows([os.fsencode(folder)], NoModel(), no_verdict, options))
    wall = time.perf_counter() - started
    good = sum(row.status is FileStatus.OK for row in rows)
    return wall, _processor_seconds() - processor, len(rows), good


def _figures(values: Sequence[float]) -> dict[str, float]:
    median = statistics.median(values)
    return {"median": round(median, 3), "spread": round((max(values) - min(values)) / median, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decode-threads", type=int, default=2)
    arguments = parser.parse_args()
    runs: dict[Isolation, list[tuple[float, float, int, int]]] = {kind: [] for kind in Isolation}
    for round_ in range(arguments.rounds + 1):
        for kind in list(Isolation)[:: 1 if round_ % 2 else -1]:
            figures = _run(arguments.folder, kind, arguments.decode_threads)
            # The first round warms the disk cache.
            if round_:
                runs[kind].append(figures)
    report = {
        kind.value: {
            "files": found[0][2],
            "decoded": found[0][3],
            "wall_s": _figures([run[0] for run in found]),
            "processor_s": _figures([run[1] for run in found]),
        }
        for kind, found in runs.items()
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
