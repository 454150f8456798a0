"""``trustthepixels merge``: the parts of a scan as the rows of one."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ...choices import Existing
from ...errors import UsageError
from ...images.limits import TIMEOUT_S
from ...results import is_address
from ...stores.options import StoreOptions
from ...system.terminal import note
from ..options import request_fields, request_options
from .shared import force_option


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="PART...|FOLDER")
@click.option("--out", required=True, metavar="FILE", help="Where the rows go.")
@force_option("a file")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@request_options("stores")
def merge(
    parts: tuple[str, ...], out: str, existing: Existing, *, quiet: bool, **values: Any
) -> None:
    """Write the rows of all PARTs, outputs of scan-folder --shard, as one scan would.

    Every shard must be there once, finished, and scanned with the same model and options. A FOLDER
    or an address such as s3://BUCKET/ROWS/ stands for all rows that a scan has written there in
    parts. FILE has the bytes of one scan of everything, and appears when it is whole.
    """
    count = _merged(parts, out, existing, request_fields(**values)["stores"])
    if not quiet:
        note(f"wrote {count} rows to {out}")


def _merged(parts: tuple[str, ...], out: str, existing: Existing, stores: StoreOptions) -> int:
    """Write the rows; return their number.

    Raises:
        UsageError: a folder is named beside other parts.
    """
    folders = [part for part in parts if is_address(os.fsencode(part)) or Path(part).is_dir()]
    count: int
    # They load NumPy, which --help does not need.
    if not folders:
        merge_parts = import_module("trustthepixels.infer.output.parts.merge").merge_parts
        count = merge_parts(parts, out, existing)
    elif len(parts) > 1:
        raise UsageError(f"{folders[0]} holds all rows of a scan; name nothing beside it")
    else:
        rows_folder = import_module("trustthepixels.infer.stores.rows_folder").rows_folder
        folder = rows_folder(folders[0], stores, TIMEOUT_S)
        merge_folder = import_module("trustthepixels.infer.output.parts.merge_folder").merge_folder
        count = merge_folder(folder, out, existing)
    return count
