"""Run of ``trustthepixels prepare-data``, from its request to a finished folder."""

import logging
from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from pathlib import Path

import datasets

from trustthepixels.infer.errors import UsageError

from ..data.sampling import Sampling
from .folder import check_output
from .grouping import GroupKind, parse_group_rule
from .request import PrepareRequest
from .run import PrepareSettings, PrepareSummary, prepare
from .sources.from_folders import FolderSource
from .sources.from_git import GitSource
from .sources.from_hub import RowSource
from .sources.hub import open_dataset
from .sources.source import PictureSource

_DEFAULT_DATASET = "theminji/ai-vs-real-200k"
"""Data set of the reference work."""


def prepare_data(request: PrepareRequest) -> PrepareSummary:
    """Open the source and write the data set.

    Raises:
        UsageError: options exclude each other.
        InputError: the source cannot be read, or has too few pictures.
        OutputError: the folder cannot be written or holds something else.
    """
    check_output(request.root)
    source: PictureSource
    if request.git_manifest is not None:
        source, affordable = _open_repositories(request, request.git_manifest), Sampling.UNIFORM
    elif request.ai_folders or request.real_folders:
        source, affordable = _open_folders(request), Sampling.UNIFORM
    else:
        source, affordable = _open_dataset(request)
    sampling = request.sampling or affordable
    settings = PrepareSettings(
        request.per_class, request.seed, request.quality, sampling, request.files
    )
    return prepare(source, request.root, settings)


def _open_repositories(request: PrepareRequest, manifest: Path) -> PictureSource:
    if request.ai_folders or request.real_folders or any(astuple(request.dataset)):
        raise UsageError("--git-manifest names all pictures; give neither a data set nor folders")
    if request.group_by is not None:
        raise UsageError("--group-by is not for --git-manifest, which has a column group")
    root = request.root.absolute()
    return GitSource(manifest, root.with_name(f"{root.name}.repositories"))


def _open_folders(request: PrepareRequest) -> PictureSource:
    if request.dataset.dataset:
        raise UsageError("give either a data set or --ai DIR --real DIR, not both")
    if not (request.ai_folders and request.real_folders):
        raise UsageError("--ai DIR and --real DIR are needed together")
    for field in fields(request.dataset):
        if getattr(request.dataset, field.name):
            option = field.name.replace("_", "-").removesuffix("s")
            raise UsageError(f"--{option} is for data sets; --ai and --real name plain folders")
    _check_outside(request.root, (*request.ai_folders, *request.real_folders))
    rule = None if request.group_by is None else parse_group_rule(request.group_by)
    return FolderSource(request.ai_folders, request.real_folders, rule)


def _open_dataset(request: PrepareRequest) -> tuple[PictureSource, Sampling]:
    # Their retries and progress bars would hide this program's one line.
    logging.getLogger("datasets").setLevel(logging.CRITICAL)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    rule = parse_group_rule(request.group_by or GroupKind.NONE)
    if rule.kind not in (GroupKind.NONE, GroupKind.COLUMN):
        raise UsageError(f"--group-by {rule.kind} is for --ai DIR --real DIR; use column:NAME here")
    dataset = request.dataset.dataset or _DEFAULT_DATASET
    _check_outside(request.root, [Path(dataset)])
    wanted = replace(request.dataset, dataset=dataset, group_column=rule.argument)
    opened = open_dataset(wanted)
    return RowSource(opened, wanted), opened.sampling


def _check_outside(root: Path, folders: Sequence[Path]) -> None:
    for folder in folders:
        if folder.resolve() in (root.resolve(), *root.resolve().parents):
            raise UsageError(f"--out {root} lies inside the input {folder}; choose another place")
