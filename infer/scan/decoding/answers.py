"""Answers of a decode process: what a file's row needs beside the pixels, as JSON values."""

from ...files.paths import path_text
from ...images.formats.registry import registered_formats
from ...images.pixels import PixelArray
from ...isolation.messages import provenance_as_json, provenance_from_json
from ...results import Doubt, FileStatus, Provenance, ScanRow
from ..prepare import PreparedImage

_MOST_DETAILS = 1 << 12
"""Characters of a file's provenance details that an answer holds; the scan reads longer ones
itself."""

Answer = list[object]


def as_answer(prepared: PreparedImage) -> Answer | None:
    """Return the answer for a picture; ``None`` if the scan must read the file itself."""
    row, doubt = prepared.row, prepared.doubt
    stated, details = None, ""
    if row.provenance is not None:
        stated, details = provenance_as_json(row.provenance), row.provenance.details
    if not row.note.isprintable() or len(details) > _MOST_DETAILS:
        return None
    name = doubt and Doubt(doubt).name
    return [row.width, row.height, row.format, row.bytes, row.note, name, stated, details]


def from_answer(path: bytes, values: object, pixels: PixelArray) -> PreparedImage:
    """Return the picture of an answer, checked: a hostile file may have taken the process over.

    Args:
        path: path of the file.
        values: answer of ``as_answer``, after JSON.
        pixels: the model's input, which the process has filled.

    Raises:
        ValueError: the answer is invalid.
    """
    match values:
        case [
            int(width),
            int(height),
            str(kind),
            int(size),
            str(note),
            str() | None as name,
            stated,
            str(details),
        ]:
            doubt = None if name is None else Doubt.__members__.get(name)
            is_doubted = (name is None) == (doubt is None)
            is_sound = min(width, height, size) > 0 and kind in registered_formats()
            if is_sound and is_doubted and note.isprintable():
                row = ScanRow(
                    path_text(path),
                    FileStatus.OK,
                    width=width,
                    height=height,
                    format=kind,
                    bytes=size,
                    note=note,
                    provenance=_provenance(stated, details),
                )
                return PreparedImage(pixels, row, doubt)
    raise ValueError("a decode process sent an invalid answer")


def _provenance(stated: object, details: str) -> Provenance | None:
    """Return an answer's provenance, checked; ``None`` if none was read.

    Raises:
        ValueError: it is something else.
    """
    return None if stated is None else provenance_from_json(stated, details.encode())
