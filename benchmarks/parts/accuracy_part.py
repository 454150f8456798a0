"""Part ``accuracy``: accuracy of the bundled models, on the test split and on external pictures."""

from typing import Any

from trustthepixels.infer.choices import DEFAULT_MODEL, Device
from trustthepixels.infer.files.labelled import MANIFEST_NAME
from trustthepixels.infer.model.bundled import bundled_models
from trustthepixels.train.data.manifest import list_samples
from trustthepixels.train.data.splits import Split, read_splits
from trustthepixels.train.evaluation.parts import PartKind
from trustthepixels.train.evaluation.request import DataRequest, EvaluationRequest
from trustthepixels.train.evaluation.run import run_evaluation
from trustthepixels.train.metrics.bootstrap import Estimate

from ..inputs.models import EDGE
from ..settings import Settings

Json = dict[str, Any]

_EXTERNAL = "external_dev"
"""Folder of external pictures inside the data; optional."""

_KINDS = {PartKind.TEST: "test", PartKind.EXTERNAL: "external"}


def measure(settings: Settings) -> Json:
    """Return the balanced accuracy at 0.5 of each bundled model, with its interval."""
    models = [name for name in (DEFAULT_MODEL, EDGE) if name in bundled_models()]
    return {"models": {name: _balanced_accuracy(name, settings) for name in models}}


def _balanced_accuracy(model: str, settings: Settings) -> Json:
    external = settings.data / _EXTERNAL
    choice = DataRequest(
        settings.data,
        settings.splits,
        Split.TEST,
        exclude_sources=_unsplit_sources(settings),
        external=(external,) if (external / MANIFEST_NAME).is_file() else (),
    )
    request = EvaluationRequest(model, choice, device=Device(settings.device))
    return {
        _KINDS[one.part.kind]: _plain(one.evaluation.metrics["balanced_accuracy"])
        for one in run_evaluation(request).measurements
    }


def _unsplit_sources(settings: Settings) -> tuple[str, ...]:
    """Return the sources that took no part in the bundled model's training."""
    splits, samples = read_splits(settings.splits), list_samples(settings.data)
    split = {sample.source for sample in samples if sample.file in splits}
    return tuple(sorted({sample.source for sample in samples} - split))


def _plain(estimate: Estimate) -> Json:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
