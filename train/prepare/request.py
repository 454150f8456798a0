"""Request of ``trustthepixels prepare-data``."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..data.sampling import Sampling


class PictureFiles(StrEnum):
    """Files of a prepared data set."""

    JPEG = "jpeg"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """Name of a data set, with the part and the columns to read.

    Attributes:
        dataset: an id on the hub, a parquet file, or a folder of parquet files or images; empty for
            the data set of the reference work.
        subset: configuration of the data set, if it has several.
        split: its part; empty for ``train``, or for the only one.
        revision: branch, tag or commit on the hub; empty for the newest.
        image_column: column of the pictures; empty to find it.
        label_column: column of the labels; empty to find it.
        source_column: column with the source of a picture; empty for the data set's name.
        group_column: column whose values group pictures; empty for none.
        ai_labels: labels that mean AI; empty to find them by name.
        real_labels: labels that mean photograph; empty to find them by name.
    """

    dataset: str = ""
    subset: str = ""
    split: str = ""
    revision: str = ""
    image_column: str = ""
    label_column: str = ""
    source_column: str = ""
    group_column: str = ""
    ai_labels: tuple[str, ...] = ()
    real_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRequest:
    """Source of the pictures, the choice among them, and the output folder.

    Attributes:
        root: the output folder.
        dataset: a data set, unless folders are given.
        ai_folders: folders of AI pictures.
        real_folders: folders of photographs.
        git_manifest: list of pictures in git repositories, in place of a data set or folders.
        group_by: rule that groups pictures; ``None`` for the usual one of each kind of source.
        per_class: pictures of each class; ``None`` for all.
        seed: seed of the draw and of the splits.
        quality: quality of the JPEG files.
        files: kind of file to write.
        sampling: way of choosing pictures; ``None`` for the affordable one of the source.
    """

    root: Path
    dataset: DatasetRequest
    ai_folders: tuple[Path, ...]
    real_folders: tuple[Path, ...]
    git_manifest: Path | None
    group_by: str | None
    per_class: int | None
    seed: int
    quality: int
    files: PictureFiles
    sampling: Sampling | None
