"""Tiny files: hard links to a few hundred JPEGs of 8×8 pixels, a thousand to a folder."""

import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from ..settings import Settings

_PER_FOLDER = 1000
_MOST_LINKS = 30_000
"""File systems allow 65,000 (ext4) or fewer links to one file."""


def tiny_files(settings: Settings, count: int) -> Path:
    """Return a folder with ``count`` files below it; it is made once."""
    folder = settings.work / f"tiny-{count}"
    if folder.exists():
        return folder
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    originals = _originals(unfinished / "originals", -(-count // _MOST_LINKS))
    for number in range(count):
        below = unfinished / "files" / f"{number // _PER_FOLDER:04}"
        if number % _PER_FOLDER == 0:
            below.mkdir(parents=True)
        (below / f"{number % _PER_FOLDER:03}.jpg").hardlink_to(originals[number % len(originals)])
    (unfinished / "files").rename(folder)
    shutil.rmtree(unfinished)
    return folder


def _originals(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True)
    made = []
    for number in range(count):
        pixels = np.full((8, 8, 3), number % 256, np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG")
        made.append(folder / f"{number}.jpg")
        made[-1].write_bytes(stream.getvalue())
    return made
