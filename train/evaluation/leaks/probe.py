"""Probes for file facts that reveal a picture's class.

Many detectors learned that fakes were PNG files and photographs JPEG files. Two probes look for
such leaks. The first asks a classifier of file facts alone, on the files as they are and on the
model's test input. Near 50 % means that it can learn nothing from them. The second swaps the
codecs, photographs to PNG and AI pictures to JPEG: if scores change, they depended on the file.
"""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from trustthepixels.infer.files.read import read_file
from trustthepixels.infer.images.decode import Limits, ModelInput, Unlimited, decode, decode_to_size
from trustthepixels.infer.images.limits import DEFAULT_LIMITS
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.images.shape import InputShape

from ...arrays import FloatArray
from ...data.manifest import Sample
from ...metrics.bootstrap import Estimate, Metric, Share, bootstrap, ratio
from ...metrics.detector import mean_of
from ...pictures.tiers import encode_jpeg, web_file
from ..parts import Part
from ..predictions import Prediction
from .file_facts import file_facts

SWAP_QUALITY = 90
"""JPEG quality to which the re-encoding probe writes AI pictures, with 4:2:0 chroma."""

_FOLDS = 5
_TREES = 100
_SEED = 42


class Stage(StrEnum):
    """Form of the files for the first probe.

    Attributes:
        FILES: the files as they are.
        WEB: the files after the web tier, both classes with the same codec and quality.
        INPUT: those files, stretched to the model's input: bytes per pixel is the only remaining
            fact.
    """

    FILES = "files as they are"
    WEB = "files of the web tier"
    INPUT = "model's input after the web tier"


@dataclass(frozen=True, slots=True)
class FactsProbe:
    """Accuracy of a classifier that sees file facts alone.

    Attributes:
        stage: form of the files.
        balanced_accuracy: cross-validated over groups; NaN if the groups are too few.
    """

    stage: Stage
    balanced_accuracy: Estimate


@dataclass(frozen=True, slots=True)
class SwapProbe:
    """Change of ``p_ai`` when a class is written in the usual codec of the other.

    Attributes:
        label: the class.
        codec: codec of the new files.
        count: number of pictures.
        mean_change: mean change of ``p_ai``; up is towards AI.
        mean_absolute_change: mean change of ``p_ai`` without the sign.
        verdict_changes: share of pictures with another verdict.
    """

    label: str
    codec: str
    count: int
    mean_change: Estimate
    mean_absolute_change: Estimate
    verdict_changes: Estimate


@dataclass(frozen=True, slots=True)
class LeakProbe:
    """Both probes on one part of the data."""

    part: Part
    facts: tuple[FactsProbe, ...]
    swaps: tuple[SwapProbe, ...]


def probe_facts(
    predictions: Sequence[Prediction], input_size: tuple[int, int]
) -> tuple[FactsProbe, ...]:
    """Measure a classifier of file facts alone, at each stage.

    Args:
        predictions: predictions for the pictures; those that could not be decoded are left out.
        input_size: height and width of the model's input.
    """
    samples = [p.sample for p in predictions if p.verdict is not None]
    rows: dict[Stage, list[list[float]]] = {stage: [] for stage in Stage}
    for sample in samples:
        content = _read(sample)
        image = decode(content).image
        web = web_file(image)
        with Image.open(io.BytesIO(web)) as degraded:
            stretched = Image.fromarray(resize(degraded.convert("RGB"), input_size))
        for stage, file in zip(Stage, (content, web, web_file(stretched)), strict=True):
            rows[stage].append(file_facts(file).features())
    return tuple(
        FactsProbe(stage, _cross_validated(np.array(rows[stage]), samples)) for stage in Stage
    )


def swapped_file(sample: Sample) -> bytes:
    """Return the picture as a file of the codec that is usual for the other class.

    Raises:
        ImageError: the picture cannot be read or decoded.
    """
    image = decode(_read(sample)).image
    if sample.label == "ai":
        return encode_jpeg(image, SWAP_QUALITY)
    stream = io.BytesIO()
    # The contract ignores colour profiles, and a plain file reveals least.
    image.save(stream, "PNG", icc_profile=None, compress_level=1)
    return stream.getvalue()


def see_swapped(sample: Sample, shape: InputShape) -> ModelInput:
    """Return the model's view of the swapped file.

    Args:
        sample: the picture.
        shape: shape of the model's input.

    Raises:
        ImageError: the picture cannot be read or decoded.
    """
    return decode_to_size(swapped_file(sample), shape, DEFAULT_LIMITS, Unlimited())


def probe_swap(before: Sequence[Prediction], after: Sequence[Prediction]) -> tuple[SwapProbe, ...]:
    """Compare the scores of the same pictures before and after ``swapped_file``, class by class."""
    probes = []
    for label, codec in (("real", "PNG"), ("ai", f"JPEG quality {SWAP_QUALITY}")):
        pairs = [
            (old.sample.group, old.verdict, new.verdict)
            for old, new in zip(before, after, strict=True)
            if old.sample.label == label and old.verdict and new.verdict
        ]
        if not pairs:
            continue
        change = np.array([new.p_ai - old.p_ai for _, old, new in pairs])
        changed = np.array([new.label != old.label for _, old, new in pairs])
        estimates = bootstrap(
            {
                "mean": mean_value(change),
                "absolute": mean_value(np.abs(change)),
                "verdicts": Share(changed, np.ones_like(changed)),
            },
            [group for group, _, _ in pairs],
        )
        probes.append(SwapProbe(label, codec, len(pairs), *estimates.values()))
    return tuple(probes)


def mean_value(values: FloatArray) -> Metric:
    """Return the mean of a number over pictures, as a metric."""
    return lambda weights: ratio(weights @ values, weights.sum(axis=1))


def _read(sample: Sample) -> bytes:
    return read_file(os.fsencode(sample.path), Limits().max_bytes)


def _cross_validated(features: FloatArray, samples: Sequence[Sample]) -> Estimate:
    ai = np.array([sample.label == "ai" for sample in samples])
    groups = [sample.group for sample in samples]
    smallest = min(len({s.group for s in samples if s.label == label}) for label in ("ai", "real"))
    if smallest < 2:
        return Estimate(np.nan, np.nan, np.nan)
    forest = ExtraTreesClassifier(
        _TREES, min_samples_leaf=3, class_weight="balanced", random_state=_SEED
    )
    splitter = StratifiedGroupKFold(min(_FOLDS, smallest), shuffle=True, random_state=_SEED)
    guessed_ai = cross_val_predict(forest, features, ai, groups=groups, cv=splitter)
    right = guessed_ai == ai
    metric = mean_of(Share(right, ai), Share(right, ~ai))
    return bootstrap({"balanced_accuracy": metric}, groups)["balanced_accuracy"]
