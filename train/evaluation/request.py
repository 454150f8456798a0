"""Request of ``trustthepixels evaluate``."""

from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.infer.model.verdicts import VerdictRule

from ..data.folds import FOLDS
from ..data.splits import Split
from ..pictures.tiers import Tier


class Labels(Enum):
    """Source of the labels."""

    DATA_SET = auto()
    """The manifest, or the folders ``AI/`` and ``Real/``."""
    PROVENANCE = auto()
    """Content credentials that hold."""


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Pictures to measure on.

    Attributes:
        data: a manifest, or a folder with one or with ``AI/`` and ``Real/``.
        splits: a ``file,split`` CSV, needed with ``split``.
        split: the part to evaluate; ``None`` for all pictures.
        fold: fold whose held-out sources are measured, instead of a split.
        exclude_sources: sources of the manifest to leave out.
        external: further data sets that no model was trained on.
        labels: source of the labels of ``data``.
        trust_list: file of trusted certificates, for labels from provenance; ``None`` for the
            bundled list.
    """

    data: Path
    splits: Path | None = None
    split: Split | None = None
    fold: int | None = None
    exclude_sources: tuple[str, ...] = ()
    external: tuple[Path, ...] = ()
    labels: Labels = Labels.DATA_SET
    trust_list: Path | None = None


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Model, pictures and settings of an evaluation.

    Attributes:
        model: an ONNX file, the name of a bundled model, or weights of a training run.
        data: the pictures.
        fold_models: models by folds of ``folds.py``, each trained without the fold's sources.
            Together they measure the recipe on sources that it never saw.
        tiers: degradations before preprocessing, measured one after the other.
        leak_probe: true to probe for file facts that reveal the class.
        false_positive_rate: operating point of the verdicts; ``None`` for the model's own.
        threshold: ``p_ai`` from which the verdict is ``ai``, instead of an operating point.
        device: device of the model.
        batch_size: pictures per call of the model.
        decode_threads: number of decode threads; ``None`` for the number of cores.
        threads: threads of the model; ``None`` for the number of cores.
    """

    model: str
    data: DataRequest
    fold_models: dict[int, str] = field(default_factory=dict)
    tiers: tuple[Tier, ...] = (Tier.CLEAN,)
    leak_probe: bool = False
    false_positive_rate: float | None = None
    threshold: float | None = None
    device: Device = Device.AUTO
    batch_size: int = 32
    decode_threads: int | None = None
    threads: int | None = None

    def rule(self, spec: ModelSpec) -> VerdictRule:
        """Return a model's verdict rule at the requested operating point.

        Raises:
            UsageError: the model has no such operating point.
        """
        return spec.rule(false_positive_rate=self.false_positive_rate, threshold=self.threshold)


def parse_fold_models(texts: tuple[str, ...]) -> dict[int, str]:
    """Read ``K=MODEL`` texts.

    Raises:
        UsageError: a text is malformed, has no valid fold, or repeats a fold.
    """
    models: dict[int, str] = {}
    for text in texts:
        fold, equals, model = text.partition("=")
        known = {str(number): number for number in range(FOLDS)}
        if not equals or not model or fold not in known:
            raise UsageError(f"--fold-model '{text}' is not K=MODEL with K from 0 to {FOLDS - 1}")
        if known[fold] in models:
            raise UsageError(f"--fold-model names fold {fold} twice")
        models[known[fold]] = model
    return models
