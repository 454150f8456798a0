"""Data sets opened through ``datasets``: on the Hugging Face Hub, or on this machine."""

import glob
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import datasets
from huggingface_hub import HfApi
from huggingface_hub import errors as hub_errors

from trustthepixels.infer.errors import InputError, one_line

from ...data.sampling import Sampling
from ..request import DatasetRequest

_REPOSITORY = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_READ_AHEAD = 65_536
"""Bytes fetched beyond a request; fsspec's 5 MiB cost more than a block of labels."""

_TIMEOUT = 10.0
"""Seconds for the first answer of the hub."""

_READ_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    EOFError,
    BadZipFile,
    datasets.exceptions.DatasetsError,
    # Base of the hub client's exceptions with either HTTP library.
    *hub_errors.HfHubHTTPError.__bases__,
)
"""Exceptions of ``datasets`` and the libraries below it on bad data and lost connections."""


@dataclass(frozen=True, slots=True)
class OpenedDataset:
    """One split of a data set, ready to stream.

    Attributes:
        name: the id, or the name of the file or folder.
        version: commit on the hub, or a digest over the files on this machine.
        split: name of the split.
        builder_arguments: arguments of ``datasets.load_dataset_builder`` that open it.
        features: columns and their types.
        sampling: affordable way of choosing pictures.
        pictures_are_files: true if the rows name files; otherwise they hold the bytes.
        reads_columns: true if single columns can be read without the others, as in parquet files.
    """

    name: str
    version: str
    split: str
    builder_arguments: dict[str, Any]
    features: datasets.Features
    sampling: Sampling
    pictures_are_files: bool
    reads_columns: bool

    def rows(self, columns: Sequence[str]) -> datasets.IterableDataset:
        """Stream some columns, in blocks as small as the format allows."""
        wanted = list(dict.fromkeys(columns))
        projection = {"columns": wanted} if self.reads_columns else {}
        with reading(self.name):
            builder = datasets.load_dataset_builder(**self.builder_arguments, **projection)
            rows = builder.as_streaming_dataset(split=self.split)
            return rows.reshard().select_columns(wanted)


def open_dataset(request: DatasetRequest) -> OpenedDataset:
    """Find a data set, its version, split and columns, without reading rows.

    Raises:
        InputError: it does not exist, cannot be reached or read, or has no such split.
    """
    path = Path(request.dataset)
    local = path.exists()
    if local:
        name, arguments = path.resolve().name, _local_arguments(path)
    elif _REPOSITORY.fullmatch(request.dataset) and path.suffix != ".parquet":
        name, arguments = request.dataset, _hub_arguments(request)
    else:
        raise InputError(f"{request.dataset} does not exist")
    if request.subset:
        arguments["name"] = request.subset
    with reading(name):
        builder = datasets.load_dataset_builder(**arguments)
        parts = builder.as_streaming_dataset()
    split = _choose_split(name, list(parts), request.split)
    features = parts[split].features
    if features is None:
        raise InputError(f"{name} does not declare its columns; convert it to parquet")
    pictures_are_files = hasattr(builder.config, "drop_labels")
    if hasattr(builder.config, "decode_num_threads"):
        # Otherwise every remote file would be fetched and decoded before its label is read.
        arguments["decode_num_threads"] = 0
    return OpenedDataset(
        name=name,
        version=_digest(builder.config.data_files[split]) if local else arguments["revision"],
        split=split,
        builder_arguments=arguments,
        features=features,
        sampling=Sampling.UNIFORM if local or pictures_are_files else Sampling.STREAMED,
        pictures_are_files=pictures_are_files,
        reads_columns=hasattr(builder.config, "columns"),
    )


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn exceptions below ``datasets`` into one line."""
    try:
        yield
    except InputError:
        raise
    except _READ_ERRORS as error:
        raise InputError(f"cannot read the data set {name}: {one_line(error)}") from error


def _commit(repository: str, revision: str) -> str:
    """Return the commit of a revision; with it, a resumed run reads the same data."""
    try:
        info = HfApi().dataset_info(repository, revision=revision or None, timeout=_TIMEOUT)
    except hub_errors.RevisionNotFoundError as error:
        raise InputError(f"{repository} has no revision '{revision}'") from error
    except hub_errors.RepositoryNotFoundError as error:
        raise InputError(
            f"no data set '{repository}' on the Hugging Face Hub that you may read "
            "('hf auth login' shows private ones), and no such file or folder here"
        ) from error
    except _READ_ERRORS as error:
        raise InputError(
            f"cannot reach the Hugging Face Hub for {repository} ({one_line(error)}); without it, "
            "name a parquet file or a folder on this machine, or use --ai DIR --real DIR"
        ) from error
    return str(info.sha)


def _hub_arguments(request: DatasetRequest) -> dict[str, Any]:
    return {
        "path": request.dataset,
        "revision": _commit(request.dataset, request.revision),
        "storage_options": {"hf": {"block_size": _READ_AHEAD}},
    }


def _local_arguments(path: Path) -> dict[str, Any]:
    resolved = str(path.resolve())
    if path.is_dir() and glob.escape(resolved) != resolved:
        raise InputError(
            f"{path}: 'datasets' takes the characters * ? [ for a pattern; rename the folder, or "
            "use --ai DIR --real DIR"
        )
    if path.is_dir():
        return {"path": str(path)}
    if path.suffix.lower() != ".parquet":
        raise InputError(f"{path} is neither a parquet file nor a folder")
    return {"path": "parquet", "data_files": {"train": [glob.escape(str(path))]}}


def _choose_split(name: str, splits: Sequence[str], asked: str) -> str:
    chosen = asked or ("train" if "train" in splits else splits[0])
    if chosen in splits and (asked or chosen == "train" or len(splits) == 1):
        return chosen
    raise InputError(f"{name} has the splits {', '.join(splits)}; say which with --split")


def _digest(files: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        path = Path(file)
        digest.update(f"{path.name}\0{path.stat().st_size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
