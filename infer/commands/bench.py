"""``trustthepixels bench``: images per second on this machine, stage by stage and together."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..choices import STANDARD_OUTPUT
from ..errors import InputError, OutputError, one_line
from ..system.terminal import note, printable
from .options import request_options, scan_request
from .terminal import quiet_decoders

if TYPE_CHECKING:
    from ..scan.measure import BenchReport


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, metavar="N")
@click.option(
    "--most-files",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Use only the first N files.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE")
@request_options("model", "device", "threads", "batch_size", "decode_threads", "decode_processes")
def bench(
    folder: Path, rounds: int, most_files: int, json_file: Path | None, **values: Any
) -> None:
    """Measure the speed of a scan of DIR in one run.

    Decoding alone, the model alone and both together are measured in images per second, against the
    bound 1 / (t_decode / cores + t_model). Use a few hundred pictures: with fewer, start and end of
    each pass dominate.
    """
    quiet_decoders()
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder")
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise OutputError(f"the folder of {json_file} does not exist")
    from ..scan.measure import measure_scan

    request = scan_request(paths=(str(folder),), out=STANDARD_OUTPUT, **values)
    report = measure_scan(request, rounds, most_files, note)
    for line in table(report):
        click.echo(printable(line))
    if json_file is not None:
        _write(json_file, report)


def table(report: "BenchReport") -> list[str]:
    """Return the report in lines for people."""
    machine = report.machine
    memory = "unknown" if report.peak_memory_mb is None else f"{report.peak_memory_mb:.0f} MB"
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    figures = [
        ("decode, one core", report.decode_one_core),
        (f"decode only, {report.decode_threads} threads", report.decode_only),
        (f"model only, batches of {report.batch_size}", report.model_only),
        ("end to end", report.end_to_end),
        ("bound", report.bound),
    ]
    width = max(len(name) for name, _ in figures)
    failed = f" ({report.failed} files failed)" if report.failed else ""
    return [
        f"{report.images} images of {report.megapixels:.2f} megapixels on average{failed}, "
        f"model '{report.model}', median of {report.rounds} rounds",
        "",
        *(f"{name:<{width}}  {rate:10.1f} images/s" for name, rate in figures),
        "",
        f"end to end / bound: {report.share_of_bound:.2f} (spread of rounds {report.spread:.0%})",
        f"peak memory: {memory}",
        f"machine: {machine.cores} cores, {machine.processor or 'unknown processor'}, "
        f"{machine.system}",
        f"device: {machine.device} ({machine.provider})",
        f"versions: {versions}",
    ]


def _write(path: Path, report: "BenchReport") -> None:
    text = json.dumps(asdict(report), indent=2) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {one_line(error)}") from error
