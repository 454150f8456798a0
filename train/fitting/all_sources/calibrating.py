"""Pictures that calibrate a fit on all sources: few of each source, and of new sources alone."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.spec import METADATA_KEY
from trustthepixels.infer.results import LABELS

from ...arrays import BoolArray
from ...data.folds import FOLDS
from ...data.manifest import Sample
from ...data.sampling import shuffled
from ...data.trained_on import learned_sources
from ...networks.weights import read_metadata
from ...settings import TrainSettings

_MOST = 40
"""Pictures of each source and class that calibrate, so that no large source decides thresholds."""

_SEED = 42

_log = logging.getLogger(__name__)


def calibrating(
    settings: TrainSettings, everything: Sequence[Sample], samples: Sequence[Sample]
) -> BoolArray:
    """Return which pictures calibrate, (n,): at most ``_MOST`` of each source and class.

    Sources that the stages learned are left out.

    Args:
        settings: settings of the run.
        everything: all pictures of the data set.
        samples: the n pictures that take part.

    Raises:
        InputError: the list of learned sources cannot be read, names no source of the data, or
            leaves too few to calibrate on.
    """
    learned: frozenset[str] = frozenset()
    if settings.learned_sources:
        learned = learned_sources(Path(settings.learned_sources), everything)
    part_of = {
        sample.file: (sample.label, sample.source)
        for sample in samples
        if sample.source not in learned
    }
    counts = Counter(label for label, _ in set(part_of.values()))
    if any(counts[label] < FOLDS for label in LABELS):
        raise InputError(
            f"without the sources of {settings.learned_sources}, {counts['ai']} have AI pictures "
            f"and {counts['real']} photographs; calibration needs {FOLDS} of each"
        )
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in shuffled(part_of, _SEED):
        files[part_of[file]].append(file)
    chosen = {file for part in files.values() for file in part[:_MOST]}
    return np.array([sample.file in chosen for sample in samples])


def tell_what_calibrates(settings: TrainSettings, chosen: BoolArray) -> None:
    """Say how many pictures calibrate, or warn if stages learned labels of unknown pictures.

    Args:
        settings: settings of the run.
        chosen: result of ``calibrating``.
    """
    if settings.learned_sources:
        _log.info("%d of %d pictures calibrate, of new sources", chosen.sum(), len(chosen))
        return
    for source in (settings.init, *settings.average_with, settings.part_init):
        path = Path(source)
        is_trained = path.suffix == ".ckpt" or (
            path.suffix == ".safetensors" and METADATA_KEY in read_metadata(path)
        )
        if is_trained:
            _log.warning(
                "warning: the stages of %s learned from labels; the held-out figures are too good, "
                "and the thresholds too low, as far as its training pictures are among these",
                path,
            )
