"""``trustthepixels sort``: pictures of a scan in folders by verdict, and back."""

from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import click

from ...errors import ExitCode
from ...sorting.request import Action, Mode, Shelf, SortRequest
from ...system.terminal import note
from ..terminal import is_watched, steps_bar
from .shared import scanned_in

_PAST = {Action.COPY: "copied", Action.LINK: "linked", Action.MOVE: "moved"}


@click.command()
@click.argument("rows", metavar="[RESULTS]", required=False)
@click.option(
    "--into", required=True, metavar="DIR", help="Folder for ai/, unsure/, real/, failed/."
)
@click.option("--link", is_flag=True, help="Make symbolic links instead of copies.")
@click.option("--move", is_flag=True, help="Move the pictures instead of copying them.")
@click.option(
    "--only",
    type=click.Choice([shelf.value for shelf in Shelf]),
    multiple=True,
    help="Take pictures with this verdict only; may be repeated.",
)
@click.option(
    "--min-p",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Take pictures with this p_ai or a higher one only.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--undo", is_flag=True, help="Reverse all sorts into DIR.")
@scanned_in
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.pass_context
def sort(
    context: click.Context,
    /,
    rows: str | None,
    into: str,
    only: tuple[str, ...],
    min_p: float | None,
    folder: str | None,
    **flags: bool,
) -> None:
    """Copy the pictures of RESULTS, the finished rows of a scan, into folders by verdict.

    Sub-folders below the deepest folder that holds all pictures stay. Sidecars (a.jpg.xmp, a.xmp,
    a.json) go along. Nothing is overwritten, and no picture is written to. A picture that changed
    since its scan is left where it is. A journal in DIR makes --undo exact, also after a kill; the
    same command again goes on where it was killed.

    Exit codes: 0 success; 1 done, but some files were left, and lines say why; 2 wrong usage, input
    or output.
    """
    if flags["link"] and flags["move"]:
        raise click.UsageError("--link and --move exclude each other", context)
    mode = Mode.DRY_RUN if flags["dry_run"] else Mode.DO
    if flags["undo"]:
        if rows is not None:
            raise click.UsageError("--undo takes no RESULTS: the journal in DIR knows", context)
        left = _undo(into, mode, quiet=flags["quiet"])
    elif rows is None:
        raise click.UsageError("name the RESULTS of a scan, or use --undo", context)
    else:
        action = Action.LINK if flags["link"] else Action.MOVE if flags["move"] else Action.COPY
        request = SortRequest(
            rows=rows,
            into=into,
            action=action,
            only=frozenset(map(Shelf, only)),
            min_p=min_p,
            folder=folder,
            mode=mode,
        )
        left = _sort(request, quiet=flags["quiet"])
    context.exit(ExitCode.SOME_FILES_FAILED if left else ExitCode.OK)


def _sort(request: SortRequest, *, quiet: bool) -> int:
    """Sort; return the number of files that were left."""
    # It loads NumPy, which --help does not need.
    sort_pictures = import_module("trustthepixels.infer.sorting.run").sort_pictures
    visible = is_watched() and not quiet and request.mode is Mode.DO
    with ExitStack() as stack:

        def step(count: int) -> Callable[[], None]:
            return stack.enter_context(steps_bar(count, "rows", visible=visible))

        result: Any = sort_pictures(request, click.echo, note, step)
    if not quiet:
        kinds = ", ".join(f"{result.pictures[shelf]} {shelf}" for shelf in Shelf)
        done = _PAST[request.action] if request.mode is Mode.DO else f"would {request.action}"
        count = result.pictures.total()
        line = f"{done} {count} pictures ({kinds}) and {result.sidecars} sidecars"
        there = f"; {result.there} were there already" if result.there else ""
        note(f"{line}{there}; {result.left} left")
    return int(result.left)


def _undo(into: str, mode: Mode, *, quiet: bool) -> int:
    """Reverse all sorts into a folder; return the number of files that were left."""
    undo_sorts = import_module("trustthepixels.infer.sorting.undo").undo_sorts
    result: Any = undo_sorts(into, mode, click.echo, note)
    if not quiet:
        done = "undone" if mode is Mode.DO else "would undo"
        note(f"{done}: {result.files} files; {result.left} left")
    return int(result.left)
