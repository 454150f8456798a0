"""Cost of ``--provenance``: ``python -m benchmarks.provenance FOLDER [MODEL]``.

The files of a folder go through the pipeline by turns, without and with provenance. MODEL is a
bundled model or a file; without it the scan has a model that costs nothing, which makes the ratio
as large as it can be. Printed are, in processor time of all processes:

- ``without_us``, ``with_us``: microseconds a picture, medians of the rounds;
- ``ratio``: median of pairs that ran side by side, with its 95 % interval (order statistics);
- ``reading_us``: microseconds a picture within the reader, in rounds of their own;
- ``reading_share``: the same as a part of ``without_us``, which other load hardly moves;
- ``start_ms``: milliseconds for importing the readers, once for each scan.

``--camera`` measures copies of the JPEGs that carry the metadata of a camera and of Lightroom.
"""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from PIL import Image

from trustthepixels.infer import Detector
from trustthepixels.infer.images.encoded import EncodedImage
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.isolation.origins import OriginReader
from trustthepixels.infer.provenance.options import ProvenanceOptions
from trustthepixels.infer.results import Provenance
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import scan_rows

from .no_model import NO_MODEL, NO_VERDICT

_READING_ROUNDS = 3
_STARTS = 7
_START = (
    "import time, trustthepixels.infer.scan.job as _\n"
    "started = time.process_time()\n"
    "import trustthepixels.infer.isolation.origins\n"
    "print(time.process_time() - started)\n"
)


def _processor_seconds() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _taken(folder: Path, detector: Detector | None, provenance: ProvenanceOptions | None) -> float:
    options = ScanOptions(decode_threads=2, decode_processes=0, provenance=provenance)
    started = _processor_seconds()
    if detector is None:
        rows = sum(1 for _ in scan_rows([os.fsencode(folder)], NO_MODEL, NO_VERDICT, options))
    else:
        rows = sum(1 for _ in detector.scan(folder, options))
    return (_processor_seconds() - started) / rows


def _pairs(folder: Path, detector: Detector | None, rounds: int) -> list[tuple[float, float]]:
    """Seconds a picture without and with provenance, of turns that ran side by side."""
    pairs = []
    for round_ in range(rounds + 1):
        order = (None, ProvenanceOptions())[:: 1 if round_ % 2 else -1]
        taken = {one is not None: _taken(folder, detector, one) for one in order}
        # The first round warms the disk cache.
        if round_:
            pairs.append((taken[False], taken[True]))
    return pairs


def _reading_seconds(folder: Path, detector: Detector | None) -> float:
    """Processor time of the decode threads within the reader, seconds a picture."""
    read = OriginReader.read
    spent: list[float] = []

    def timed(
        reader: OriginReader, encoded: EncodedImage, limits: Limits, *, is_isolated: bool
    ) -> Provenance:
        started = time.thread_time()
        try:
            return read(reader, encoded, limits, is_isolated=is_isolated)
        finally:
            spent.append(time.thread_time() - started)

    with mock.patch.object(OriginReader, "read", timed):
        for _ in range(_READING_ROUNDS):
            _taken(folder, detector, ProvenanceOptions())
    return statistics.mean(spent)


def _start_seconds() -> float:
    done = [
        subprocess.run([sys.executable, "-c", _START], capture_output=True, check=True).stdout
        for _ in range(_STARTS)
    ]
    return statistics.median(map(float, done))


def _interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of a median, from the binomial distribution of ranks."""
    ordered = sorted(values)
    aside = max(0, math.floor((len(ordered) - 1.96 * math.sqrt(len(ordered))) / 2))
    return ordered[aside], ordered[-1 - aside]


@contextmanager
def _with_metadata(folder: Path) -> Iterator[Path]:
    """A folder of copies of the JPEGs with the metadata of a camera."""
    exif = Image.Exif()
    exif.update({0x010F: "SONY", 0x0110: "ILCE-7M3", 0x0131: "ILCE-7M3 v3.10", 0x0112: 1})
    below = exif.get_ifd(0x8769)
    below |= dict.fromkeys(range(0xA401, 0xA40B), 1) | {0x9003: "2026:01:01 10:00:00"}
    # A note of Sony's size.
    below[0x927C] = b"SONY DSC \0\0\0" + bytes(range(1, 256)) * 60
    properties = " ".join(f'crs:P{number}="{number}.00"' for number in range(200))
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" '
        f'xmp:CreatorTool="Adobe Photoshop Lightroom Classic 9.0" {properties}/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    added = b""
    for content in (exif.tobytes(), b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()):
        added += b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
    with tempfile.TemporaryDirectory() as made:
        for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
            data = path.read_bytes()
            (Path(made) / f"{number}.jpg").write_bytes(data[:2] + added + data[2:])
        yield Path(made)


def _report(folder: Path, detector: Detector | None, rounds: int) -> dict[str, object]:
    pairs = _pairs(folder, detector, rounds)
    without = statistics.median(without for without, _ in pairs)
    ratios = [with_it / without for without, with_it in pairs]
    reading = _reading_seconds(folder, detector)
    return {
        "without_us": round(1e6 * without),
        "with_us": round(1e6 * statistics.median(with_it for _, with_it in pairs)),
        "ratio": round(statistics.median(ratios), 4),
        "ratio_interval": [round(end, 4) for end in _interval(ratios)],
        "reading_us": round(1e6 * reading, 1),
        "reading_share": round(reading / without, 5),
        "start_ms": round(1e3 * _start_seconds(), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--camera", action="store_true")
    arguments = parser.parse_args()
    # Threads of one operator spin while they wait for each other, which counts as processor time
    # and grows with everything else that the machine does.
    detector = Detector(arguments.model, "cpu", threads=1) if arguments.model else None
    if arguments.camera:
        with _with_metadata(arguments.folder) as folder:
            report = _report(folder, detector, arguments.rounds)
    else:
        report = _report(arguments.folder, detector, arguments.rounds)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
