"""``ModelSpec``: everything that a caller needs to know about a model, as JSON inside its file."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from ..errors import SpecError, UsageError
from ..images.shape import InputShape, View
from ..results import LABELS
from .verdicts import OperatingPoint, Thresholds, VerdictRule

SCHEMA_VERSION = 2
"""Version 2 added ``known_answer``; without it, no broken device is noticed."""

METADATA_KEY = "trustthepixels.spec"
"""Key of the JSON string in the ONNX file's ``metadata_props``."""

METADATA_DIGEST_KEY = "trustthepixels.spec.sha256"
"""Key of the SHA-256 (hex) of that JSON string; it reveals a damaged threshold too."""


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Normalisation of torchvision's and timm's ImageNet ResNets, for RGB values of 0 to 1."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling: ``p_ai = sigmoid((logit_ai - logit_real) / temperature + bias)``.

    Source: Platt 1999; with ``bias`` 0 it is temperature scaling (Guo et al. 2017).
    """

    temperature: float = 1.0
    bias: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Identity of a model, its input, and the way from its logits to verdicts.

    Attributes:
        name: short name, as ``info`` prints it.
        architecture: timm's name of the backbone.
        calibration: turns logits into ``p_ai``; also inside the graph.
        thresholds: turn ``p_ai`` into verdicts.
        precision: ``fp32``, ``fp16`` or ``int8``.
        labels: class names in the order of the logits.
        input_size: height and width of each view in pixels.
        views: what the model sees of a picture; the first is the whole of it. A file without them
            has the whole alone.
        resize: ``stretch``: both sides of the whole to ``input_size``, no crop.
        interpolation: ``bilinear-antialias``: Pillow's BILINEAR.
        mean: per channel, RGB values of 0 to 1; applied inside the graph, to the whole.
        std: per channel, as ``mean``.
        graph_digest: SHA-256 (hex) of the file without its metadata, see ``model.file``.
        data_fingerprint: SHA-256 (hex) of the training manifest and splits.
        evaluation: figures by name, as ``evaluate`` measured them.
        versions: versions of the packages that made the file.
        known_answer: ``p_ai`` of ``self_test.known_picture``, as the exporter's CPU computed it;
            ``None`` if the exporter did not compute it.
        schema_version: version of this class.
    """

    name: str
    architecture: str
    calibration: Calibration
    thresholds: Thresholds
    precision: str = "fp32"
    labels: tuple[str, ...] = LABELS
    input_size: tuple[int, int] = (224, 224)
    resize: str = "stretch"
    interpolation: str = "bilinear-antialias"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    graph_digest: str = ""
    data_fingerprint: str = ""
    evaluation: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    known_answer: float | None = None
    schema_version: int = SCHEMA_VERSION
    views: tuple[View, ...] = (View.WHOLE,)

    @property
    def input_shape(self) -> InputShape:
        """Shape of one picture in the model's input."""
        return InputShape(*self.input_size, self.views)

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no spaces, so equal specs have equal bytes."""
        values = asdict(self)
        if self.views == (View.WHOLE,):
            # Files from before there were views stay as they were.
            del values["views"]
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a spec back.

        Raises:
            SpecError: the text is not JSON, has another schema version, misses a field, has a field
                of the wrong type, or asks for unknown preprocessing.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"the model's specification is not valid JSON ({error})") from error
        if not isinstance(raw, dict):
            raise SpecError("the model's specification is not a JSON object")
        version = raw.get("schema_version")
        if version == 1 and type(version) is int:
            raise SpecError(
                "the model's specification has schema version 1, without a known answer to "
                "test a device by; export the model again from its weights"
            )
        if type(version) is not int or version != SCHEMA_VERSION:
            raise SpecError(
                f"the model's specification has schema version {version!r}, but this program reads "
                f"{SCHEMA_VERSION}; update trustthepixels or export the model again"
            )
        try:
            spec = cls(**_typed(raw))
        except KeyError as error:
            raise SpecError(f"the model's specification has no field {error}") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise SpecError(f"the model's specification is damaged: {error}") from error
        spec._check()
        return spec

    def rule(
        self,
        *,
        false_positive_rate: float | None = None,
        threshold: float | None = None,
        unsure: bool = True,
    ) -> VerdictRule:
        """Return the verdict rule for an operating point, or for an explicit threshold on ``p_ai``.

        Args:
            false_positive_rate: rate of the operating point; by default the spec's own.
            threshold: ``p_ai`` from which the verdict is ``ai``, instead of an operating point.
            unsure: ``False`` for two verdicts: everything below the threshold is ``real``.

        Raises:
            UsageError: the spec has no such operating point, both were given, or the threshold is
                outside 0 to 1.
        """
        ai = self._threshold(false_positive_rate, threshold)
        if unsure:
            return VerdictRule(ai, min(self.thresholds.real, ai))
        return VerdictRule(ai, real=ai, has_unsure=False)

    def _threshold(self, false_positive_rate: float | None, threshold: float | None) -> float:
        """Return the threshold in force."""
        if threshold is not None:
            if false_positive_rate is not None:
                raise UsageError("--fpr and --threshold exclude each other")
            if not 0.0 <= threshold <= 1.0:
                raise UsageError(f"threshold {threshold} is outside 0 to 1")
            return threshold
        return self.thresholds.ai_threshold(false_positive_rate)

    def _check(self) -> None:
        if self.labels != LABELS:
            raise SpecError(f"labels {self.labels} are not {LABELS}")
        if (self.resize, self.interpolation) != ("stretch", "bilinear-antialias"):
            raise SpecError(f"unknown preprocessing {self.resize}/{self.interpolation}")
        if self.views not in ((View.WHOLE,), (View.WHOLE, View.PART)):
            raise SpecError(f"views {', '.join(self.views)} are not the whole, or whole and part")
        if min(self.input_size) < 1 or max(self.input_size) > 4096:
            raise SpecError(f"input size {self.input_size} is out of range")
        if not min(self.std) > 0.0:
            raise SpecError(f"standard deviations {self.std} are not positive")
        if not self.calibration.temperature > 0.0:
            raise SpecError(f"temperature {self.calibration.temperature} is not positive")
        if self.known_answer is not None and not 0.0 <= self.known_answer <= 1.0:
            raise SpecError(f"known answer {self.known_answer} is outside 0 to 1")
        limits = [self.thresholds.real, *(point.threshold for point in self.thresholds.ai)]
        if not self.thresholds.ai or not all(0.0 <= limit <= 1.0 for limit in limits):
            raise SpecError("thresholds are missing or outside 0 to 1")
        try:
            self.rule()
        except UsageError as error:
            raise SpecError(f"the default operating point is invalid: {error}") from error


def _typed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values in the dataclass's types; raise on missing keys and wrong types."""
    thresholds = raw["thresholds"]
    height, width = raw["input_size"]
    if not isinstance(height, int) or not isinstance(width, int):
        raise TypeError(f"the input size {height}×{width} is not in whole pixels")
    known_answer = raw["known_answer"]
    typed: dict[str, Any] = {
        **raw,
        "calibration": Calibration(
            _number(raw["calibration"]["temperature"]), _number(raw["calibration"]["bias"])
        ),
        "thresholds": Thresholds(
            ai=tuple(
                OperatingPoint(_number(p["false_positive_rate"]), _number(p["threshold"]))
                for p in thresholds["ai"]
            ),
            default_false_positive_rate=_number(thresholds["default_false_positive_rate"]),
            real=_number(thresholds["real"]),
        ),
        "labels": tuple(str(label) for label in raw["labels"]),
        "input_size": (height, width),
        "views": tuple(map(View, raw.get("views", [View.WHOLE]))),
        "mean": _triple(raw["mean"]),
        "std": _triple(raw["std"]),
        "evaluation": {str(k): _number(v) for k, v in dict(raw["evaluation"]).items()},
        "versions": {str(k): str(v) for k, v in dict(raw["versions"]).items()},
        "known_answer": None if known_answer is None else _number(known_answer),
    }
    for key in _TEXTS:
        if not isinstance(raw[key], str):
            raise TypeError(f"{key} is not a text")
    return typed


_TEXTS = (
    "name",
    "architecture",
    "precision",
    "resize",
    "interpolation",
    "graph_digest",
    "data_fingerprint",
)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is not a finite number")
    return float(value)


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = (_number(value) for value in values)
    return red, green, blue
