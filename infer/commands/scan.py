"""``scan-folder`` and ``trustthepixels scan``: one row for every image in folders."""

from importlib import import_module
from typing import Any

import click

from .options import request_options, scan_request
from .run import SHORT_HELP, version_option


@click.command("scan", no_args_is_help=False, context_settings=SHORT_HELP)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@request_options()
@version_option
@click.pass_context
def scan(context: click.Context, /, **values: Any) -> None:
    """Write one row for every image in folders, or for single files.

    Each PATH is a folder, scanned with all of its sub-folders, or a file; or an address of objects
    such as s3://BUCKET/PREFIX (also gs://, az://, http(s)://). The columns are path,
    status, verdict (ai, unsure or real), p_ai, width, height, format, bytes, error and note;
    with --provenance also origin, origin_grade and origin_evidence.

    Exit codes: 0 success; 1 done, but some files failed, and their rows give the reason, or there
    were no files; 2 wrong usage, input or output; 3 the model or the device cannot be used; 5 the
    share, disk or store with the files went away; 130 interrupted.
    """
    request = scan_request(**values)
    # What follows is of no use to --help, which answers at once.
    context.exit(import_module(".scanning", __package__).scan_to_the_end(request))
