"""Fits on some of the sources, which answer for the pictures of all."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from ...arrays import BoolArray, FloatArray, IntArray
from ...data.manifest import Sample
from ...networks.network import Classifier
from ...networks.stage_statistics import Features
from ..last_layer import LayerFit, set_last_layer


class SourceFit(Protocol):
    """A fit on some sources."""

    @property
    def state(self) -> dict[str, Tensor]:
        """The backbone's tensors, by timm's names."""

    def margins(self, pictures: IntArray, version: int) -> FloatArray:
        """Return the logit of ``ai`` less that of ``real``, (n,).

        Args:
            pictures: (n,), numbers of pictures of the data set.
            version: 0 for the picture as a scan sees it, 1 for its first changed view.
        """


FitSources = Callable[[BoolArray, str], SourceFit]
"""Function that fits on the chosen pictures, (n,); the second argument names the fit."""


@dataclass(frozen=True, slots=True, eq=False)
class StageTables:
    """Features of all pictures, from frozen stages; one row for each in every table.

    Attributes:
        network: network with these stages.
        samples: the pictures.
        versions: tables of the unchanged pictures, then of changed views, each (n, features).
        fit_layer: fit on rows of such tables, all of one table before the next, and their pictures.
    """

    network: Classifier
    samples: Sequence[Sample]
    versions: tuple[Features, ...]
    fit_layer: Callable[[Features, Sequence[Sample]], LayerFit]

    def fit(self, chosen: BoolArray, name: str) -> "LayerAnswers":
        """Fit the layers after the stages on some pictures, unchanged and changed."""
        samples = [one for one, taken in zip(self.samples, chosen, strict=True) if taken]
        rows = np.concatenate([table[chosen] for table in self.versions])
        return LayerAnswers(self, self.fit_layer(rows, samples))


@dataclass(frozen=True, slots=True, eq=False)
class LayerAnswers:
    """Layers that were fitted on frozen stages; a ``SourceFit``.

    Attributes:
        tables: features of all pictures.
        layer: the fitted layers.
    """

    tables: StageTables
    layer: LayerFit

    @property
    def state(self) -> dict[str, Tensor]:
        """The backbone's tensors, by timm's names; copies."""
        network = deepcopy(self.tables.network)
        set_last_layer(network, self.layer)
        return dict(network.backbone.state_dict())

    def margins(self, pictures: IntArray, version: int) -> FloatArray:
        """Return the logit of ``ai`` less that of ``real``; arguments as ``SourceFit`` has them."""
        return self.layer.decision_function(self.tables.versions[version][pictures])
