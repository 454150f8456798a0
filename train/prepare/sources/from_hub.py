"""Rows of an opened data set as a source for data preparation."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import fsspec
from tqdm import tqdm

from trustthepixels.infer.errors import InputError

from ..request import DatasetRequest
from .hub import OpenedDataset, reading
from .label_names import match_labels
from .source import Candidate, reader_of

_MOST_BLOCKS = 4096
"""Number of blocks above which blocks are read together: ``datasets`` lists all of them for
each."""

_IMAGE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels", "class")


class RowSource:
    """Pictures in the rows of a data set; a ``BlockSource``.

    Labels are read from their own column, without the pictures, if the format allows it.

    Args:
        opened: the data set.
        request: requested columns and labels.

    Raises:
        InputError: the columns or the labels are ambiguous or missing.
    """

    def __init__(self, opened: OpenedDataset, request: DatasetRequest) -> None:
        self._opened = opened
        self._request = request
        features = opened.features
        self._image = _pick(
            features, request.image_column, "--image-column", _IMAGE_NAMES, datasets.Image
        )
        self._label = _pick(
            features, request.label_column, "--label-column", _LABEL_NAMES, datasets.ClassLabel
        )
        for column in (request.source_column, request.group_column):
            if column and column not in features:
                raise InputError(f"{opened.name} has no column '{column}'; {_listed(features)}")
        wanted = (self._image, self._label, request.source_column, request.group_column)
        rows = opened.rows([column for column in wanted if column])
        with reading(opened.name):
            self._rows = rows.cast_column(self._image, datasets.Image(decode=False))
        self.blocks = min(rows.num_shards, _MOST_BLOCKS)
        self._classes = self._match_labels()

    def identity(self) -> dict[str, object]:
        """Version, part, columns and labels; see ``PictureSource``."""
        request = self._request
        return {
            "kind": "dataset",
            "dataset": self._opened.name,
            "version": self._opened.version,
            "subset": request.subset,
            "split": self._opened.split,
            "image_column": self._image,
            "label_column": self._label,
            "source_column": request.source_column,
            "group_column": request.group_column,
            "classes": dict(sorted(self._classes.items())),
            "blocks": self.blocks,
        }

    def index(self) -> Mapping[str, list[str]]:
        """Return the keys of each class, read from the column of labels."""
        keys: dict[str, list[str]] = {"ai": [], "real": []}
        for block, labels in enumerate(self._labels):
            for row, name in enumerate(labels):
                if name in self._classes:
                    keys[self._classes[name]].append(_key(block, row))
        return keys

    def fetch(self, keys: Collection[str]) -> Iterator[Candidate]:
        """Return the pictures of these keys, block after block."""
        wanted = defaultdict(set)
        for key in keys:
            wanted[_block_of(key)].add(key)
        for block in sorted(wanted):
            for candidate in self.read_block(block):
                if candidate.key in wanted[block]:
                    yield candidate

    def read_block(self, block: int) -> Iterator[Candidate]:
        """Return all pictures of either class in one block, in their order."""
        with reading(self._opened.name):
            for number, row in enumerate(self._rows.shard(self.blocks, block)):
                label = self._classes.get(self._label_name(row[self._label]) or "")
                if label is not None:
                    yield self._candidate(_key(block, number), label, row)

    def _candidate(self, key: str, label: str, row: Mapping[str, Any]) -> Candidate:
        source = _text(row, self._request.source_column) or self._opened.name
        group = _text(row, self._request.group_column)
        return Candidate(key, label, key, source, group, self._reader(row[self._image]))

    def _reader(self, image: Mapping[str, Any] | None) -> Callable[[], bytes]:
        data, path = (image or {}).get("bytes"), (image or {}).get("path")
        if isinstance(data, bytes):
            return lambda: data
        # Only an image folder's own listing may name files: a path in a row could point anywhere.
        if not path or not self._opened.pictures_are_files:
            return bytes
        if "://" in path:
            return lambda: self._download(path)
        return reader_of(Path(path))

    def _download(self, url: str) -> bytes:
        with reading(self._opened.name), fsspec.open(url, "rb") as stream:
            content: bytes = stream.read()
            return content

    def _match_labels(self) -> dict[str, str]:
        feature = self._opened.features[self._label]
        asked = (self._request.ai_labels, self._request.real_labels)
        if isinstance(feature, datasets.ClassLabel):
            return match_labels(feature.names, *asked)
        if all(asked):
            return match_labels((*asked[0], *asked[1]), *asked)
        return match_labels({name for part in self._labels for name in part if name}, *asked)

    @cached_property
    def _labels(self) -> list[list[str | None]]:
        """Return the label of each row of each block; ``None`` for a row without one."""
        rows = self._opened.rows([self._label])
        labels = []
        bar = tqdm(range(self.blocks), desc="labels", unit="block", disable=None, leave=False)
        for block in bar:
            with reading(self._opened.name):
                part = rows.shard(self.blocks, block)
                labels.append([self._label_name(row[self._label]) for row in part])
        return labels

    def _label_name(self, value: object) -> str | None:
        feature = self._opened.features[self._label]
        if isinstance(feature, datasets.ClassLabel):
            # Rows without a label have None, or -1 in test parts on the hub.
            known = isinstance(value, int) and 0 <= value < feature.num_classes
            return str(feature.names[value]) if known else None
        return None if value is None else str(value)


def _pick(
    features: datasets.Features, asked: str, option: str, names: tuple[str, ...], kind: type
) -> str:
    """Return the requested column, else the only one of its kind, else one with the usual name."""
    if asked:
        if asked not in features:
            raise InputError(f"the data set has no column '{asked}'; {_listed(features)}")
        return asked
    of_kind = [name for name, feature in features.items() if isinstance(feature, kind)]
    usual = [name for name in names if name in (of_kind or features)]
    candidates = of_kind if len(of_kind) == 1 else usual[:1]
    if not candidates:
        raise InputError(
            f"cannot choose the {option[2:].replace('-', ' ')}; {_listed(features)}; "
            f"say which with {option}"
        )
    return candidates[0]


def _listed(features: datasets.Features) -> str:
    return f"its columns are {', '.join(features)}"


def _key(block: int, row: int) -> str:
    return f"{block:05d}-{row:06d}"


def _block_of(key: str) -> int:
    return int(key.partition("-")[0])


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row[column] if column else None
    return "" if value is None else str(value)
