"""Work of ``trustthepixels prepare-data``: open the source, and prepare its pictures."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from trustthepixels.infer.errors import UsageError

from ..data.sampling import Sampling
from ..prepare.folder import check_output
from ..prepare.from_folders import FolderSource
from ..prepare.grouping import GroupKind, parse_group_rule
from ..prepare.run import PrepareSettings, PrepareSummary, prepare
from ..prepare.source import PictureSource

_DEFAULT_DATASET = "theminji/ai-vs-real-200k"
"""The data set of the reference work."""

_DATASET_OPTIONS = (
    "subset",
    "split",
    "revision",
    "image_column",
    "label_column",
    "source_column",
    "ai_labels",
    "real_labels",
)

OpenRows = Callable[[str, str, Mapping[str, Any]], tuple[PictureSource, Sampling]]


def prepare_from(
    dataset: str | None, root: Path, sampling: str, per_class: int | None, options: dict[str, Any]
) -> PrepareSummary:
    """Prepare pictures as the command line says.

    Args:
        dataset: name or path; ``None`` for the usual one, or for folders.
        root: takes the pictures.
        sampling: a ``Sampling``, or ``auto``.
        per_class: pictures of each class; ``None`` for all.
        options: further options of the command.

    Raises:
        UsageError: options exclude each other.
        InputError: the pictures cannot be read, or are too few.
        OutputError: the folder cannot be used.
    """
    check_output(root)
    if options["ai_folders"] or options["real_folders"]:
        source, affordable = _open_folders(dataset, root, options), Sampling.UNIFORM
    else:
        source, affordable = _open_dataset(dataset or _DEFAULT_DATASET, root, options)
    settings = PrepareSettings(
        per_class=per_class,
        seed=options["seed"],
        quality=options["quality"],
        sampling=affordable if sampling == "auto" else Sampling(sampling),
    )
    return prepare(source, root, settings)


def _open_folders(dataset: str | None, root: Path, options: dict[str, Any]) -> PictureSource:
    if dataset is not None:
        raise UsageError("give either a data set or --ai DIR --real DIR, not both")
    if not (options["ai_folders"] and options["real_folders"]):
        raise UsageError("--ai DIR and --real DIR are needed together")
    for name in _DATASET_OPTIONS:
        if options[name]:
            option = name.replace("_", "-").removesuffix("s")
            raise UsageError(f"--{option} is for data sets; --ai and --real name plain folders")
    folders = (*options["ai_folders"], *options["real_folders"])
    _check_outside(root, folders)
    rule = parse_group_rule(options["group_by"]) if options["group_by"] is not None else None
    return FolderSource(options["ai_folders"], options["real_folders"], rule)


def _open_dataset(
    dataset: str, root: Path, options: dict[str, Any]
) -> tuple[PictureSource, Sampling]:
    rule = parse_group_rule(options["group_by"] or "none")
    if rule.kind not in (GroupKind.NONE, GroupKind.COLUMN):
        raise UsageError(f"--group-by {rule.kind} is for --ai DIR --real DIR; use column:NAME here")
    _check_outside(root, [Path(dataset)])
    # ``datasets`` takes seconds to import, and folders need nothing of it.
    open_rows: OpenRows = import_module("trustthepixels.train.prepare.from_hub").open_rows
    return open_rows(dataset, rule.argument, {name: options[name] for name in _DATASET_OPTIONS})


def _check_outside(root: Path, folders: Sequence[Path]) -> None:
    for folder in folders:
        if folder.resolve() in (root.resolve(), *root.resolve().parents):
            raise UsageError(f"--out {root} lies inside the input {folder}; choose another place")
