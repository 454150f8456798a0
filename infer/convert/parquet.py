"""Parquet through pyarrow: ``p_ai`` as float32, words dictionary-encoded, the scan in the metadata.

The extra ``parquet`` brings pyarrow; nothing else needs it.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import MissingExtraError, OutputError
from .batches import NUMBERS, PROBABILITY, WORDS, Batch

_COMPRESSION = "zstd"
_METADATA_PREFIX = "trustthepixels."


def write_parquet(
    path: Path, names: tuple[str, ...], metadata: Mapping[str, str], batches: Iterable[Batch]
) -> None:
    """Write rows; each batch becomes a row group.

    Args:
        path: file to write.
        names: columns of the rows.
        metadata: texts about the scan, for the file's key-value metadata.
        batches: the rows.

    Raises:
        OutputError: the file cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    arrow, parquet = load_pyarrow()
    keyed = {f"{_METADATA_PREFIX}{key}": value for key, value in metadata.items()}
    schema = arrow.schema([_field(arrow, name) for name in names], keyed)
    try:
        with parquet.ParquetWriter(path, schema, compression=_COMPRESSION) as writer:
            for batch in batches:
                columns = [
                    _array(arrow, values, field.type)
                    for values, field in zip(batch.columns, schema, strict=True)
                ]
                writer.write_table(arrow.table(columns, schema), row_group_size=len(columns[0]))
    except (arrow.ArrowException, OverflowError) as error:
        raise OutputError(f"cannot write Parquet: {error}") from error


def load_pyarrow() -> tuple[ModuleType, ModuleType]:
    """Return ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("trustthepixels convert", "parquet", "pyarrow") from error


def _field(arrow: Any, name: str) -> Any:
    required = name in ("path", "status")
    return arrow.field(name, _type(arrow, name), nullable=not required)


def _type(arrow: Any, name: str) -> Any:
    if name in WORDS:
        return arrow.dictionary(arrow.int32(), arrow.string())
    if name in NUMBERS:
        return arrow.int64()
    return arrow.float32() if name == PROBABILITY else arrow.string()


def _array(arrow: Any, values: Any, kind: Any) -> Any:
    if arrow.types.is_dictionary(kind):
        return arrow.array(values, arrow.string()).dictionary_encode()
    return arrow.array(values, kind)
