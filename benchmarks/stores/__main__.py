"""Throughput of a scan from an object store next to the same scan from disk.

``python -m benchmarks.stores FOLDER`` serves the files of FOLDER from a process on this machine,
which waits before each answer, and scans both by turns with the default model.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from trustthepixels.infer import Detector, ScanOptions
from trustthepixels.infer.results import ScanRow
from trustthepixels.infer.stores.options import StoreOptions


def _scanned(
    detector: Detector, path: str, options: ScanOptions
) -> tuple[float, float, list[ScanRow]]:
    """Return the wall clock's and the processor's seconds of a scan, and its rows."""
    wall, used = time.perf_counter(), time.process_time()
    rows = list(detector.scan(path, options))
    return time.perf_counter() - wall, time.process_time() - used, rows


def _verdicts(rows: list[ScanRow]) -> list[object]:
    return [(row.status, row.verdict, row.bytes) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "benchmarks.inputs.object_server"]
    with subprocess.Popen(
        [*command, str(arguments.folder), str(arguments.latency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
        detector = Detector(arguments.model, "cpu")
        options = ScanOptions.for_device(detector.session.device, os.cpu_count() or 1)
        options = replace(options, stores=StoreOptions(endpoint, "us-east-1", anonymous=True))
        walls, costs = [], []
        for round_ in range(arguments.rounds + 1):
            disk = _scanned(detector, str(arguments.folder), options)
            store = _scanned(detector, "s3://pictures/", options)
            assert sorted(map(str, _verdicts(disk[2]))) == sorted(map(str, _verdicts(store[2])))
            # The first round warms caches.
            if round_:
                walls.append(disk[0] / store[0])
                costs.append(disk[1] / store[1])
        server.stdin.close()
    result = {
        "files": len(disk[2]),
        "latency_s": arguments.latency,
        "throughput_of_disk": round(statistics.median(walls), 3),
        "from_to": [round(min(walls), 3), round(max(walls), 3)],
        "same_by_processor_time": round(statistics.median(costs), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
