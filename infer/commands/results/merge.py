"""``trustthepixels merge``: the parts of a scan as the rows of one."""

from importlib import import_module

import click

from ...choices import Existing
from ...system.terminal import note
from .shared import force_option


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@click.option("--out", required=True, metavar="FILE", help="Where the rows go.")
@force_option("a file")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def merge(parts: tuple[str, ...], out: str, existing: Existing, *, quiet: bool) -> None:
    """Write the rows of all PARTs, outputs of scan-folder --shard, as one scan would.

    Every shard must be there once, finished, and scanned with the same model and options. FILE has
    the bytes of one scan of everything, and appears when it is whole.
    """
    # It loads NumPy, which --help does not need.
    merge_parts = import_module("trustthepixels.infer.output.parts.merge").merge_parts
    count = merge_parts(parts, out, existing)
    if not quiet:
        note(f"wrote {count} rows to {out}")
