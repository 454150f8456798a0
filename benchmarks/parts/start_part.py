"""Part ``start``: time to the first row and to the help, warm and cold."""

import contextlib
import importlib.util
import os
from functools import partial
from pathlib import Path
from typing import Any

from ..inputs.models import EDGE, has_edge_model
from ..inputs.pictures import files_of, small_jpegs
from ..processes import command, run
from ..series import interleaved
from ..settings import ROOT, Settings

Json = dict[str, Any]

MORE_REPEATS = 3
"""Factor on the repeats: starts are short, so they are taken more often than other figures."""

FIRST_FILES = 8
"""Pictures that a scan gets for its first row: two batches."""

_LIBRARIES = ("numpy.libs", "pillow.libs")


def measure(settings: Settings) -> Json:
    """Return a list of seconds for each kind of start."""
    folder = small_jpegs(settings)

    def first_row(model: str, *, cold: bool = False) -> float:
        if cold:
            drop_from_cache(folder)
        arguments: list[str | Path] = [
            command("scan-folder"),
            *files_of(folder)[:FIRST_FILES],
            "--out",
            "-",
            "--quiet",
        ]
        return run([*arguments, "--model", model, "--device", settings.device]).first_row_s

    def help_text(name: str) -> float:
        return run([command(name), "--help"]).wall_s

    takes = {
        "first row, default": partial(first_row, "default"),
        "first row, default, cold": partial(first_row, "default", cold=True),
        "scan-folder --help": partial(help_text, "scan-folder"),
        "trustthepixels --help": partial(help_text, "trustthepixels"),
    }
    if has_edge_model():
        takes["first row, edge"] = partial(first_row, EDGE)
    return {"seconds": interleaved(MORE_REPEATS * settings.counts.repeats, takes)}


def drop_from_cache(folder: Path) -> None:
    """Drop the pictures, the model and the packages from the disk cache.

    Files that another process has mapped stay in memory.
    """
    for root in (folder, ROOT / "infer", *package_folders()):
        for path in root.rglob("*"):
            if path.is_file():
                _drop(path)


def package_folders() -> list[Path]:
    """Return the folders of packages that a scan imports, and of the libraries in their wheels."""
    folders = []
    for package in ("numpy", "PIL", "onnxruntime", "click", "simplejpeg", "tqdm"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            folders.append(Path(spec.origin).parent)
    beside = [one.parent / libraries for one in folders for libraries in _LIBRARIES]
    return folders + sorted({path for path in beside if path.is_dir()})


def _drop(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
