"""Sources that the stages of a network learned before, of which no answer is a held-out one."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.model.spec import METADATA_KEY
from trustthepixels.infer.results import LABELS

from ..arrays import BoolArray
from ..data.folds import FOLDS
from ..data.manifest import Sample
from ..data.trained_on import learned_sources
from ..networks.weights import read_metadata
from ..settings import TrainSettings

_log = logging.getLogger(__name__)


def is_new_to_stages(
    settings: TrainSettings, everything: Sequence[Sample], samples: Sequence[Sample]
) -> BoolArray:
    """Return whether each picture's source taught the stages nothing, so that it calibrates, (n,).

    Args:
        settings: settings of the run.
        everything: all pictures of the data set.
        samples: the n pictures that take part.

    Raises:
        InputError: the list of learned sources cannot be read, names no source of the data, or
            leaves too few to calibrate on.
    """
    if not settings.learned_sources:
        return np.ones(len(samples), dtype=np.bool_)
    learned = learned_sources(Path(settings.learned_sources), everything)
    is_new = np.array([sample.source not in learned for sample in samples])
    new = {(sample.label, sample.source) for sample in samples if sample.source not in learned}
    counts = Counter(label for label, _ in new)
    if any(counts[label] < FOLDS for label in LABELS):
        raise InputError(
            f"without the sources of {settings.learned_sources}, {counts['ai']} have AI pictures "
            f"and {counts['real']} photographs; calibration needs {FOLDS} of each"
        )
    return is_new


def tell_what_calibrates(settings: TrainSettings, is_new: BoolArray) -> None:
    """Say how many pictures calibrate, or warn if stages learned labels of unknown pictures.

    Args:
        settings: settings of the run.
        is_new: result of ``is_new_to_stages``.
    """
    if settings.learned_sources:
        _log.info("%d of %d pictures calibrate, of new sources", is_new.sum(), len(is_new))
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
