"""Pictures that a model got wrong, as further training pictures that never distort a
measurement."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from trustthepixels.infer.errors import InputError

from .manifest import Sample, list_samples

_log = logging.getLogger(__name__)


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def hard_examples(
    folders: Iterable[Path],
    train: Sequence[Sample],
    measured: Sequence[Sample],
    left_out: Iterable[str] = (),
) -> list[Sample]:
    """Return the hard pictures that may join the training split, sorted within each folder.

    A picture is left out if it, or another of its group, is in the validation or test split, or if
    its source is left out: the figures would measure memory. A picture that is in the training
    split already is left out too. The log shows the numbers.

    Args:
        folders: folders of ``evaluate --mistakes``, or with ``AI/`` and ``Real/``.
        train: the training split.
        measured: the validation and test splits.
        left_out: sources that the training must not see: excluded, or of a held-out fold.

    Raises:
        InputError: a folder cannot be used, or no picture of it may join the training.
    """
    barred = {file_digest(sample.path) for sample in measured}
    barred_groups = {sample.group for sample in measured}
    barred_sources = set(left_out) - {""}
    known = {file_digest(sample.path) for sample in train}
    joining: list[Sample] = []
    for folder in folders:
        listed = list_samples(folder)
        digests = {sample: file_digest(sample.path) for sample in listed}
        allowed = [
            sample
            for sample in listed
            if digests[sample] not in barred
            and sample.group not in barred_groups
            and sample.source not in barred_sources
        ]
        if not allowed:
            raise InputError(
                f"none of the {len(listed)} pictures of {folder} may be trained on: the figures "
                "are to be measured on them, or on others of their groups or sources"
            )
        new = [sample for sample in allowed if digests[sample] not in known]
        _log.info(
            "hard examples from %s: %d join the training, %d are in it already, %d are left out "
            "because figures are measured on them or on others of their groups or sources",
            folder,
            len(new),
            len(allowed) - len(new),
            len(listed) - len(allowed),
        )
        known |= {digests[sample] for sample in new}
        joining += new
    return joining
