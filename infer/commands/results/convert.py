"""``trustthepixels convert``: rows in a format that other programs read quickly."""

from importlib import import_module

import click

from ...choices import Existing
from ...system.terminal import note
from .shared import force_option, rows_argument


@click.command()
@rows_argument
@click.argument("out", metavar="FILE")
@force_option("a file")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def convert(rows: str, out: str, existing: Existing, *, quiet: bool) -> None:
    """Write RESULTS, the finished rows of a scan, as FILE; the end of its name is the format.

    .parquet has typed columns (it needs the extra 'parquet'), .sqlite a table named rows; .csv and
    .jsonl are what scan-folder writes itself. FILE appears when it is whole.
    """
    # It loads NumPy, which --help does not need.
    convert_rows = import_module("trustthepixels.infer.convert.run").convert_rows
    count = convert_rows(rows, out, existing)
    if not quiet:
        note(f"wrote {count} rows to {out}")
