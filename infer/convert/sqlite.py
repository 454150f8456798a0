"""SQLite: a table ``rows`` with typed columns, and a table ``metadata``."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from ..errors import OutputError
from .batches import NUMBERS, PROBABILITY, Batch


def write_sqlite(
    path: Path, names: tuple[str, ...], metadata: Mapping[str, str], batches: Iterable[Batch]
) -> None:
    """Write rows.

    Args:
        path: empty file to write.
        names: columns of the rows.
        metadata: texts about the scan.
        batches: the rows.

    Raises:
        OutputError: the file cannot be written.
    """
    table = ", ".join(f'"{name}" {_type(name)}' for name in names)
    places = ", ".join("?" * len(names))
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            # The file has another name until it is whole, so nothing has to be undone in it.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute("BEGIN")
            database.execute(f"CREATE TABLE rows ({table})")
            database.execute("CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            database.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
            for batch in batches:
                database.executemany(f"INSERT INTO rows VALUES ({places})", batch.rows())
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise OutputError(f"cannot write the database: {error}") from error


def _type(name: str) -> str:
    if name in ("path", "status"):
        return "TEXT NOT NULL"
    if name in NUMBERS:
        return "INTEGER"
    return "REAL" if name == PROBABILITY else "TEXT"
