"""Labelled pictures whose content credentials prove their label."""

import os
from pathlib import Path

from trustthepixels.infer.errors import ImageError, InputError, MissingExtraError
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.files.paths import path_text
from trustthepixels.infer.files.read import read_file
from trustthepixels.infer.files.walk import walk
from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.images.limits import DEFAULT_LIMITS
from trustthepixels.infer.isolation.origins import OriginReader
from trustthepixels.infer.isolation.policy import needs_worker
from trustthepixels.infer.isolation.pool import WorkerPool
from trustthepixels.infer.provenance.credentials.available import is_available
from trustthepixels.infer.provenance.options import ProvenanceOptions
from trustthepixels.infer.results import Origin, OriginGrade, Provenance

from .manifest import Sample

_LABELS = {Origin.AI: "ai", Origin.CAMERA: "real"}
_PROVEN = (OriginGrade.SIGNED, OriginGrade.INTACT)


def stated_samples(root: Path, options: ProvenanceOptions | None = None) -> list[Sample]:
    """Return the pictures below a folder whose own credentials hold, sorted by file.

    The label is the stated origin: generated, or taken by a camera. Pictures that AI edited are
    left out, and so are unproven claims.

    Args:
        root: a folder, searched with all of its sub-folders.
        options: options with the trusted signatures.

    Raises:
        InputError: the folder does not exist, or no picture proves its label.
        MissingExtraError: the library that checks signatures is not installed.
    """
    if not root.is_dir():
        raise InputError(f"{root}: not a folder; --labels-from-provenance searches a folder")
    if not is_available():
        raise MissingExtraError("--labels-from-provenance", "c2pa", "c2pa-python")
    workers = WorkerPool()
    reader = OriginReader(options or ProvenanceOptions(), workers)
    samples = []
    try:
        for found in walk([os.fsencode(root)], WalkOptions()):
            label = None if found.failure else _label(found.path, reader)
            if label is not None:
                path = Path(path_text(found.path))
                file = path.relative_to(root).as_posix()
                samples.append(Sample(path, file, label, "", file))
    finally:
        workers.cancel()
    if not samples:
        raise InputError(f"{root}: no picture there proves by content credentials what it is")
    return sorted(samples, key=lambda sample: sample.file)


def _label(path: bytes, reader: OriginReader) -> str | None:
    try:
        encoded = identify(read_file(path, DEFAULT_LIMITS.max_bytes))
    except ImageError:
        return None
    is_isolated = needs_worker(encoded, DEFAULT_LIMITS)
    return label_of(reader.read(encoded, DEFAULT_LIMITS, is_isolated=is_isolated))


def label_of(provenance: Provenance) -> str | None:
    """Return the label that a file proves; ``None`` if it proves none."""
    return _LABELS.get(provenance.origin) if provenance.grade in _PROVEN else None
