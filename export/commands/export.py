"""``trustthepixels export``: write a checkpoint as a checked ONNX file."""

from pathlib import Path
from typing import Any

import click

from trustthepixels.infer.commands.options import request_options
from trustthepixels.infer.model.providers import load_onnxruntime
from trustthepixels.infer.system.cores import available_cores

from ..request import ExportRequest, Precision, RangeMethod


@click.command("export")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The ONNX file.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="JSON of the checks.  [default: beside the model, .report.json]",
)
@click.option(
    "--precision",
    type=click.Choice([precision.value for precision in Precision]),
    default=Precision.FP32.value,
    show_default=True,
    help="int8 for CPUs, fp16 for GPUs.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Labelled pictures for the checks, and for calibrating int8: "
    "a manifest.csv, a folder with one, or a folder with AI/ and Real/.",
)
@click.option(
    "--splits",
    type=click.Path(path_type=Path),
    help="CSV of file,split; else, for int8, made from the seed.",
)
@click.option(
    "--exclude-source", "exclude_sources", multiple=True, help="Leave a source out; repeatable."
)
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0))
@click.option(
    "--ranges",
    "range_method",
    type=click.Choice([method.value for method in RangeMethod]),
    default=RangeMethod.LEAST_SQUARES.value,
    show_default=True,
    help="int8: how the activations' ranges are chosen.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="JSON of 'trustthepixels calibrate', in place of CHECKPOINT's own calibration.",
)
@click.option(
    "--calibration-size",
    default=256,
    show_default=True,
    type=click.IntRange(1),
    help="int8: training pictures that the ranges are measured on.",
)
@request_options("threads")
def export(
    out: Path,
    report: Path | None,
    precision: str,
    range_method: str,
    threads: int | None,
    **options: Any,
) -> None:
    """Write CHECKPOINT, weights.safetensors of a training run, as one ONNX file.

    The file appears only if it passes every check on at least 32 real pictures: names, types,
    shapes, preprocessing, every batch size, and its answers against PyTorch's. Exits with 4 if a
    check fails.
    """
    # Before what converts graphs by it is imported: its absence has an answer of its own.
    load_onnxruntime()
    from ..run import default_report, export_model

    request = ExportRequest(
        out=out,
        report=report or default_report(out),
        precision=Precision(precision),
        range_method=RangeMethod(range_method),
        threads=threads or available_cores(),
        **options,
    )
    export_model(request, click.echo)
    click.echo(f"wrote {out} and {request.report}")
