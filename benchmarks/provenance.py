"""Cost of ``--provenance``: ``python -m benchmarks.provenance FOLDER [MODEL]``.

The files of a folder go through the pipeline by turns, without and with provenance. Ratios of
processor time are printed, of all processes: the median of pairs that ran side by side, and the
least and largest of them. MODEL is a bundled model or a file; without it the scan has a model that
costs nothing, which makes the ratio as large as it can be.
"""

import argparse
import json
import os
import resource
import statistics

from trustthepixels.infer import Detector
from trustthepixels.infer.provenance.options import ProvenanceOptions
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import scan_rows

from .no_model import NO_MODEL, NO_VERDICT


def _processor_seconds() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _taken(folder: str, detector: Detector | None, provenance: ProvenanceOptions | None) -> float:
    options = ScanOptions(decode_threads=2, decode_processes=0, provenance=provenance)
    started = _processor_seconds()
    if detector is None:
        rows = sum(1 for _ in scan_rows([os.fsencode(folder)], NO_MODEL, NO_VERDICT, options))
    else:
        rows = sum(1 for _ in detector.scan(folder, options))
    return (_processor_seconds() - started) / rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("model", nargs="?")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    detector = Detector(arguments.model, "cpu") if arguments.model else None
    pairs = []
    for round_ in range(arguments.rounds + 1):
        order = (None, ProvenanceOptions())[:: 1 if round_ % 2 else -1]
        taken = {one is not None: _taken(arguments.folder, detector, one) for one in order}
        # The first round warms the disk cache.
        if round_:
            pairs.append((taken[False], taken[True]))
    ratios = [with_it / without for without, with_it in pairs]
    report = {
        "without_us": round(1e6 * statistics.median(without for without, _ in pairs)),
        "with_us": round(1e6 * statistics.median(with_it for _, with_it in pairs)),
        "ratio": round(statistics.median(ratios), 4),
        "least": round(min(ratios), 4),
        "largest": round(max(ratios), 4),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
