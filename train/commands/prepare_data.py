"""``trustthepixels prepare-data``: turn a data set into AI/, Real/ and a manifest."""

from pathlib import Path
from typing import Any

import click

from trustthepixels.infer.system.terminal import note

from ..data.sampling import Sampling
from ..prepare.request import DatasetRequest, PictureFiles, PrepareRequest
from .typed import typed_options

_OF_DATA_SETS = (
    "subset",
    "split",
    "revision",
    "image_column",
    "label_column",
    "source_column",
    "ai_labels",
    "real_labels",
)


_USUAL_PER_CLASS = 5000
"""Pictures of each class that are taken of a data set; of folders all are."""

_ALL = "all"


class _PerClass(click.ParamType[int | str]):
    """A number of pictures, or ``all``."""

    name = "N|all"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Check the value on the command line."""
        if value == _ALL:
            return _ALL
        number: int = click.IntRange(min=1).convert(value, param, ctx)
        return number


@click.command("prepare-data")
@click.argument("dataset", required=False)
@click.option(
    "--out",
    "root",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for AI/, Real/, manifest.csv and rejected.csv; the same command resumes in it.",
)
@click.option(
    "--ai",
    "ai_folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Take the AI pictures from this folder, in place of a data set; repeatable.",
)
@click.option(
    "--real",
    "real_folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Take the photographs from this folder; repeatable.",
)
@click.option(
    "--git-manifest",
    type=click.Path(path_type=Path),
    help="CSV of pictures in git repositories, with commits and blob ids. They are fetched into "
    "OUT.repositories, from GitHub unless a repository is a URL or a path.",
)
@click.option(
    "--per-class",
    type=_PerClass(),
    metavar="N|all",
    help=f"Pictures of each class.  [default: {_USUAL_PER_CLASS} of a data set, else all]",
)
@click.option(
    "--seed",
    default=42,
    show_default=True,
    # What scikit-learn's generators take.
    type=click.IntRange(0, 2**32 - 1),
    help="Of the draw and of the splits.",
)
@click.option(
    "--files",
    type=click.Choice([files.value for files in PictureFiles]),
    default=PictureFiles.JPEG.value,
    show_default=True,
    help="What to write: jpeg, equal for both classes and without metadata; or each picture's own "
    "file, with the traces of its maker. A part of a grid becomes PNG.",
)
@click.option(
    "--quality", default=95, show_default=True, type=click.IntRange(1, 100), help="Of the JPEGs."
)
@click.option(
    "--sampling",
    type=click.Choice(["auto", "uniform", "streamed"]),
    default="auto",
    show_default=True,
    help="uniform: evenly from the whole data set; streamed: whole blocks at random until there "
    "are enough. auto streams where uniform would download everything.",
)
@click.option(
    "--group-by",
    metavar="RULE",
    help="Keep pictures together in one split: none, folder, prefix:SEPARATOR (names equal up to "
    "the last SEPARATOR) or, in a data set, column:NAME.  [default: the manifest.csv in or beside "
    "the folders, else none; exact copies always stay together]",
)
@click.option("--split", default="", help="Split of the data set.  [default: train]")
@click.option("--subset", default="", help="Configuration of the data set.")
@click.option("--revision", default="", help="Branch, tag or commit on the hub.")
@click.option("--image-column", default="", help="Column of the pictures.")
@click.option("--label-column", default="", help="Column of the labels.")
@click.option("--source-column", default="", help="Column that names where a picture is from.")
@click.option(
    "--ai-label",
    "ai_labels",
    multiple=True,
    help="A label that means AI; repeatable.  [default: the one with the word ai, fake or "
    "generated]",
)
@click.option(
    "--real-label",
    "real_labels",
    multiple=True,
    help="A label that means photograph; repeatable.  [default: the one with the word real]",
)
@click.pass_context
def prepare_data(
    context: click.Context,
    /,
    dataset: str | None,
    root: Path,
    per_class: int | str | None,
    files: str,
    sampling: str,
    group_by: str | None,
    **options: Any,
) -> None:
    """Draw pictures of both classes from DATASET and write their files, with splits by group.

    DATASET is an id on the Hugging Face Hub, a parquet file, or a folder of parquet files or of
    images.  [default: theminji/ai-vs-real-200k]

    After an interruption, the same command resumes. Pictures that cannot be decoded are listed in
    rejected.csv and replaced by others.
    """
    if files == PictureFiles.ORIGINAL and typed_options(context, {"quality"}):
        raise click.UsageError(
            "--files original keeps files as they are, without --quality", context
        )
    from ..prepare import command

    wanted = DatasetRequest(dataset or "", **{name: options.pop(name) for name in _OF_DATA_SETS})
    takes_all = bool(options["ai_folders"] or options["git_manifest"])
    request = PrepareRequest(
        root=root,
        dataset=wanted,
        per_class=_count(per_class, takes_all=takes_all),
        group_by=group_by,
        files=PictureFiles(files),
        sampling=None if sampling == "auto" else Sampling(sampling),
        **options,
    )
    try:
        summary = command.prepare_data(request)
    except KeyboardInterrupt:
        note("interrupted: run the same command again to resume")
        raise
    if not summary.splits:
        note("the pictures form too few groups to split: the column split is empty")
    if summary.rejected:
        note(f"{summary.rejected} pictures could not be used; see {root / 'rejected.csv'}")
    counts = ", ".join(f"{count} {name}" for name, count in sorted(summary.pictures.items()))
    parts = ", ".join(f"{count} {name}" for name, count in sorted(summary.splits.items()))
    click.echo(f"wrote {root}: {counts}" + (f" ({parts})" if parts else ""))


def _count(per_class: int | str | None, *, takes_all: bool) -> int | None:
    """Pictures of each class, ``None`` for all."""
    if per_class is None:
        return None if takes_all else _USUAL_PER_CLASS
    return None if per_class == _ALL else int(per_class)
