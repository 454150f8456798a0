"""``trustthepixels scan-cluster``: one row for every image, by actors of Ray."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import click

from ...cluster.request import PART_ROWS, ClusterRequest
from ...scan.counts import Report
from ...system.terminal import printable
from ..options import request_options, scan_request
from ..run import SHORT_HELP
from ..terminal import counts_bar, quiet_decoders, told_end, told_interruptions


@click.command("scan-cluster", no_args_is_help=False, context_settings=SHORT_HELP)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--out",
    required=True,
    metavar="FOLDER|ADDRESS",
    help="Where the parts of rows go: a folder that all machines share, or s3://BUCKET/PREFIX/ "
    "(also gs://, az://). 'trustthepixels merge' makes one file of them.",
)
@click.option(
    "--address",
    metavar="auto|HOST:PORT",
    help="Cluster of Ray to join, from one of its machines.  [default: a Ray of its own, here]",
)
@click.option(
    "--actors",
    type=click.IntRange(1),
    metavar="N",
    help="Processes that judge, with a model each.  [default: as many as fit]",
)
@click.option(
    "--cpus-per-actor",
    "cpus",
    type=click.IntRange(1),
    metavar="N",
    help="Processors of each actor.  [default: all of a machine; in a cluster one stays free]",
)
@click.option(
    "--gpus-per-actor",
    "gpus",
    type=click.FloatRange(0),
    metavar="N",
    help="GPUs of each actor, also parts of one such as 0.5.  [default: 1 with --device cuda]",
)
@click.option(
    "--part-rows",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    default=PART_ROWS,
    show_default=True,
    help="Pictures of one part, which is the unit of work.",
)
@request_options(
    "row_format",
    "force",
    "resume",
    "files_from",
    "include",
    "exclude",
    "any_name",
    "system_files",
    "allow_empty",
    "follow_links",
    "stores",
    "limits",
    "memory",
    "isolation",
    "provenance",
    "model",
    "trust",
    "device",
    "false_positive_rate",
    "threshold",
    "unsure",
    "batch_size",
    "quiet",
)
@click.pass_context
def scan_cluster(
    context: click.Context,
    /,
    out: str,
    address: str | None,
    actors: int | None,
    cpus: int | None,
    gpus: float | None,
    part_rows: int,
    **values: Any,
) -> None:
    """Write one row for every image in folders or object stores, with actors of Ray.

    Ray starts on this machine, or --address joins a cluster. PATHs are those of scan-folder, and
    every machine must see them. The rows are those of scan-folder, in parts. Actors that die are
    started again; a file that kills its actor twice gets a row that says so.

    Exit codes: 0 success; 1 done, but some files failed, and their rows give the reason, or there
    were no files; 2 wrong usage, input or output; 3 the model or the device cannot be used; 5 the
    share, store or cluster went away; 130 interrupted.
    """
    scan = scan_request(out=out, **values)
    request = ClusterRequest(
        scan=scan, address=address, actors=actors, cpus=cpus, gpus=gpus, part_rows=part_rows
    )
    report = Report()
    quiet_decoders()
    with _own_words() as stream:
        tell = partial(_tell, stream)
        is_shown = not scan.quiet and stream.isatty()
        progress = partial(counts_bar, visible=is_shown, stream=stream)
        with told_interruptions(scan, report, tell) as signals:
            # It loads NumPy, which --help does not need.
            job = import_module("trustthepixels.infer.cluster.job")
            job.run_cluster(request, report, signals, progress, tell)
    context.exit(told_end(scan, report))


@contextmanager
def _own_words() -> Iterator[TextIO]:
    """Keep the words of Ray's Python off both streams; yield the one for this program's own."""
    own = sys.stderr
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield own or nowhere


def _tell(stream: TextIO, text: str) -> None:
    click.echo(printable(text), file=stream)
