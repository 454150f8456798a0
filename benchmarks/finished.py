"""Cost of what follows a scan: ``python -m benchmarks.finished FOLDER``.

The pictures of FOLDER get 100,000 names, and rows are made up: 100,000 for ``report`` and
``sort --link``, a million for ``convert``. Each command runs as it is installed, ``--rounds``
times; the round with the least processor time counts. Printed are its processor seconds, all
processes together, its wall-clock seconds, the most memory of one process in MB, and the size of
what it wrote.
"""

import argparse
import json
import os
import random
import shutil
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.files.walk import walk
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.output.rows import encode_row, header
from trustthepixels.infer.results import FileStatus, ScanRow

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "trustthepixels")
FILES = 100_000
"""Files of a report and of a sort."""


def made_up(paths: Iterable[str], size: int = 4_000_000) -> Iterator[ScanRow]:
    """Yield rows with equally distributed probabilities, one in a hundred of them failed."""
    chance, rule = random.Random(1), load_model().spec.rule()
    for number, path in enumerate(paths):
        if number % 100 == 7:
            yield ScanRow(
                path, FileStatus.CORRUPT, bytes=size, error="checksum of its data is wrong"
            )
            continue
        verdict = rule(chance.random())
        yield ScanRow(path, FileStatus.OK, verdict, 4032, 3024, "JPEG", size)


def write_rows(path: Path, rows: Iterator[ScanRow]) -> None:
    """Write finished rows."""
    row_format = RowFormat(path.suffix[1:])
    with path.open("wb") as file:
        file.write(header(row_format))
        file.writelines(encode_row(row, row_format) for row in rows)


def measured(
    command: list[str], rounds: int, clear: Callable[[], None], written: Path
) -> dict[str, float]:
    """Return the figures of the round with the least processor time."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        clear()
        started = time.perf_counter()
        process = os.posix_spawn(PROGRAM, [PROGRAM, *command], os.environ)
        _, status, usage = os.wait4(process, 0)
        wall = time.perf_counter() - started
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            raise SystemExit(f"{' '.join(command)} failed")
        processor = usage.ru_utime + usage.ru_stime
        if not best or processor < best["processor_s"]:
            best = {
                "processor_s": round(processor, 2),
                "wall_s": round(wall, 2),
                "memory_mb": round(usage.ru_maxrss / 1024),
            }
    if written.is_file():
        best["written_mb"] = round(written.stat().st_size / 1e6, 1)
    return best


def report_figures(folder: Path, pictures: Path, rounds: int) -> dict[str, float]:
    """Measure a report of 100,000 rows with 600 thumbnails."""
    found = [os.fsdecode(one.path) for one in walk([os.fsencode(pictures)], WalkOptions())]
    (folder / "named").mkdir()
    paths = []
    for number, path in enumerate(islice(cycle(found), FILES)):
        name = folder / "named" / f"{number:06}{Path(path).suffix}"
        name.symlink_to(Path(path).absolute())
        paths.append(str(name))
    write_rows(folder / "report.csv", made_up(paths))
    page = folder / "page.html"
    command = ["report", str(folder / "report.csv"), "--out", str(page), "--force"]
    figures = measured(command, rounds, lambda: None, page)
    figures["thumbnails"] = len(set(page.read_text().split("data:image/webp;base64,")[1:]))
    return figures


def sort_figures(folder: Path, rounds: int) -> dict[str, float]:
    """Measure ``sort --link`` of 100,000 small files."""
    paths = []
    for number in range(FILES):
        path = folder / "photos" / f"{number // 1000:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        paths.append(str(path))
    write_rows(folder / "sort.csv", made_up(paths, 5))
    into = folder / "sorted"

    def clear() -> None:
        shutil.rmtree(into, ignore_errors=True)

    command = ["sort", str(folder / "sort.csv"), "--into", str(into), "--link"]
    figures = measured(command, rounds, clear, into)
    back = measured(["sort", "--undo", "--into", str(into)], 1, lambda: None, into)
    return figures | {f"undo_{name}": value for name, value in back.items()}


def convert_figures(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Measure ``convert`` of a million rows, from and to each format."""
    paths = [f"photos/2024/{number // 1000:04}/IMG_{number:07}.jpg" for number in range(1_000_000)]
    write_rows(folder / "million.csv", made_up(paths))
    write_rows(folder / "million.jsonl", made_up(paths))
    figures = {}
    for source in ("csv", "jsonl"):
        for target in ("parquet", "sqlite", "csv", "jsonl"):
            out = folder / f"out.{target}"
            command = ["convert", str(folder / f"million.{source}"), str(out), "--force"]
            name = f"{source} to {target}"
            figures[name] = measured(command, rounds, lambda: None, out)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures for the thumbnails")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("report", "sort", "convert"))
    arguments = parser.parse_args()
    rounds = arguments.rounds
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        parts: dict[str, Callable[[], object]] = {
            "report": lambda: report_figures(folder, arguments.folder, rounds),
            "sort": lambda: sort_figures(folder, rounds),
            "convert": lambda: convert_figures(folder, rounds),
        }
        for name, part in parts.items():
            if arguments.only in (None, name):
                print(json.dumps({name: part()}, indent=1), flush=True)


if __name__ == "__main__":
    main()
