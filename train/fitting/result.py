"""The finished weights of a run, with everything that a scan has to know about them."""

import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import Thresholds

from ..data.manifest import Sample, fingerprint
from ..networks.network import Classifier
from ..networks.weights import load_backbone
from ..settings import TrainSettings

_VERSIONED = ("torch", "timm", "lightning", "pillow", "trustthepixels")


def rounded_network(settings: TrainSettings, trained: Mapping[str, Tensor]) -> Classifier:
    """Return the network with weights as a file of half precision holds them, in float32.

    Calibration and figures must belong to the stored weights.
    """
    network = Classifier(settings.architecture)
    state = {
        name: value.cpu().half().float() if value.is_floating_point() else value
        for name, value in trained.items()
    }
    load_backbone(network, state, Path(settings.init))
    return network


def described(
    settings: TrainSettings,
    network: Classifier,
    fitted: tuple[Calibration, Thresholds],
    figures: Mapping[str, float],
    samples: Iterable[Sample],
) -> ModelSpec:
    """Return the specification of trained weights.

    Args:
        settings: settings of the run.
        network: the trained network.
        fitted: its calibration and thresholds.
        figures: what was measured, by name.
        samples: all pictures that took part.
    """
    calibration, thresholds = fitted
    return ModelSpec(
        name=f"{settings.architecture}-{settings.recipe}",
        architecture=settings.architecture,
        calibration=calibration,
        thresholds=thresholds,
        input_size=settings.input_shape.size,
        views=settings.input_shape.views,
        mean=network.mean,
        std=network.std,
        data_fingerprint=fingerprint(samples),
        evaluation=dict(figures),
        versions={name: importlib.metadata.version(name) for name in _VERSIONED},
    )
