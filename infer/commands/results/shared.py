"""Arguments and options that the commands for finished rows share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ...choices import Existing

Command = TypeVar("Command", bound=Callable[..., Any])

rows_argument = click.argument("rows", metavar="RESULTS")

scanned_in = click.option(
    "--scanned-in",
    "folder",
    metavar="DIR",
    help="Folder in which the scan ran, if its paths are relative.  [default: the present one]",
)


def force_option(what: str) -> Callable[[Command], Command]:
    """Return a decorator with ``--force``; the parameter ``existing`` is an ``Existing``.

    Args:
        what: what is replaced, in the help.
    """
    return click.option(
        "--force",
        "existing",
        is_flag=True,
        help=f"Replace {what} that exists.",
        callback=lambda _context, _parameter, is_given: (
            Existing.REPLACE if is_given else Existing.REFUSE
        ),
    )
