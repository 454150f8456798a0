"""Choice of the labelled pictures for the calibration and the checks of an export."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trustthepixels.infer.errors import InputError
from trustthepixels.train.data.manifest import Sample, load_samples, without_sources
from trustthepixels.train.data.splits import Split, read_splits, select, split_by_group

from .request import ExportRequest, Precision

CHECK_SIZE = 64
"""Pictures that an export is checked on at every batch size, where there are so many."""

FEWEST = 32
"""Pictures without which no export is checked: one full batch of the largest size."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The parts of the data that an export reads.

    Attributes:
        calibration: training pictures for the ranges of int8; empty for other precisions.
        validation: pictures that the network was not trained on, where the split is known; with
            few of them, others too, since the checks only compare the file with PyTorch.
        check: some of ``validation``, of both classes.
    """

    calibration: list[Sample]
    validation: list[Sample]
    check: list[Sample]


def choose_pictures(request: ExportRequest) -> Pictures:
    """Take pictures spread evenly over the training and validation splits.

    Without a split file, fp32 and fp16 are checked on all of the data: they are only compared.

    Raises:
        InputError: the data cannot be used, or it has too few pictures.
    """
    samples = without_sources(load_samples(request.data), request.exclude_sources)
    if request.splits is not None:
        splits = read_splits(request.splits)
    elif request.precision is Precision.INT8:
        splits = split_by_group(samples, request.seed)
    else:
        splits = {sample.file: Split.VALIDATION for sample in samples}
    validation = select(samples, splits, Split.VALIDATION)
    if len(samples) < FEWEST:
        raise InputError(
            f"{request.data} has {len(samples)} pictures to check the export on; "
            f"{FEWEST} are needed"
        )
    if len(validation) < FEWEST:
        known = {sample.file for sample in validation}
        others = [sample for sample in samples if sample.file not in known]
        validation += spread(others, FEWEST - len(validation))
    calibration: list[Sample] = []
    if request.precision is Precision.INT8:
        calibration = spread(select(samples, splits, Split.TRAIN), request.calibration_size)
    return Pictures(calibration, validation, spread(validation, CHECK_SIZE))


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return at most ``count`` samples at even distances: of every class and source in
    proportion."""
    steps = np.linspace(0, len(samples) - 1, min(count, len(samples)))
    return [samples[round(step)] for step in steps]
