"""``trustthepixels prepare-data``: turn a data set into AI/, Real/ and a manifest."""

from pathlib import Path
from typing import Any

import click

from trustthepixels.infer.system.terminal import note

from ..data.sampling import Sampling
from ..prepare.request import DatasetRequest, PrepareRequest

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


class _PerClass(click.ParamType[int | None]):
    """A number of pictures, or ``all``, which becomes ``None``."""

    name = "N|all"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Check the value on the command line."""
        if value in ("all", None):
            return None
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
    "--per-class",
    type=_PerClass(),
    default="5000",
    show_default=True,
    metavar="N|all",
    help="Pictures of each class.",
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
def prepare_data(
    dataset: str | None, root: Path, sampling: str, group_by: str | None, **options: Any
) -> None:
    """Draw pictures of both classes from DATASET and write them as JPEG, with splits by group.

    DATASET is an id on the Hugging Face Hub, a parquet file, or a folder of parquet files or of
    images.  [default: theminji/ai-vs-real-200k]

    After an interruption, the same command resumes. Pictures that cannot be decoded are listed in
    rejected.csv and replaced by others.
    """
    from ..prepare import command

    wanted = DatasetRequest(dataset or "", **{name: options.pop(name) for name in _OF_DATA_SETS})
    request = PrepareRequest(
        root=root,
        dataset=wanted,
        group_by=group_by,
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
