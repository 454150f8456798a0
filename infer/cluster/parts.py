"""Parts of one run: the bytes of a chunk's rows, and what they hold."""

from collections.abc import Callable, Sequence

from ..choices import RowFormat
from ..files.paths import path_text
from ..files.walk import Found
from ..output.parts.folder import RowsFolder
from ..output.parts.manifest import Totals
from ..output.parts.part import PlacedRow, part_header, part_line, part_of, rows_of_part
from ..output.reader import KeptRows
from ..output.rows import Columns
from ..results import FileStatus, ScanRow
from ..scan.update import object_stamp
from ..stores.found import Remote
from .messages import Chunk, Done

_DIED = "the process that judged it died, and died again when it judged this file alone"


class PartsFolder:
    """Folder with the parts of one run.

    Args:
        folder: the folder.
        row_format: format of the parts.
        columns: columns of the rows.
        new_name: returns the name of a new part; it takes the number of its first file's root.
    """

    def __init__(
        self,
        folder: RowsFolder,
        row_format: RowFormat,
        columns: Columns,
        new_name: Callable[[int], str] = str,
    ) -> None:
        self._folder, self._new_name = folder, new_name
        self._format, self._columns = row_format, columns

    def chunk(self, files: tuple[Found, ...]) -> Chunk:
        """Return files as a chunk, with the name of a new part."""
        return Chunk(self._new_name(files[0].root), files)

    def write(self, chunk: Chunk, rows: Sequence[ScanRow]) -> Done:
        """Write the part of a chunk, whole or not at all.

        Args:
            chunk: the chunk.
            rows: a row for each of its files, in their order.

        Raises:
            OutputError: it cannot be written.
        """
        lines = [
            part_line(row, file.root, object_stamp(file), self._format, self._columns)
            for file, row in zip(chunk.files, rows, strict=True)
        ]
        content = b"".join([part_header(self._format, self._columns), *lines])
        # An actor that was given up may write the same part later.
        self._folder.put(chunk.part, content)
        return self._done(chunk.part, content)

    def written(self, chunk: Chunk) -> Done | None:
        """Return the part of a chunk; ``None`` if there is none.

        Raises:
            InputError: it cannot be read, or holds anything but rows.
        """
        content = self._folder.read(chunk.part)
        return None if content is None else self._done(chunk.part, content)

    def give_up(self, chunk: Chunk) -> Done:
        """Write the part of a single file that no actor survives.

        Raises:
            OutputError: it cannot be written.
        """
        (file,) = chunk.files
        size = file.size if isinstance(file, Remote) else None
        row = ScanRow(path_text(file.path), FileStatus.CORRUPT, bytes=size, error=_DIED)
        return self.write(chunk, [row])

    def _done(self, name: str, content: bytes) -> Done:
        rows: list[PlacedRow] = []
        totals, counts = Totals(), KeptRows()
        for row in rows_of_part(name, content, self._format, self._columns):
            rows.append(row)
            totals.add(row)
            counts.count(row.values)
        return Done(part_of(name, content, rows), totals, counts)
