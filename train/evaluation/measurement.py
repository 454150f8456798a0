"""Results of one run of ``trustthepixels evaluate``, for every form of its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from trustthepixels.infer.model.verdicts import VerdictRule

from ..pictures.tiers import Tier
from .figures import Evaluation
from .leaks.probe import LeakProbe
from .parts import Part
from .scorer import Scorer


@dataclass(frozen=True, slots=True)
class Measurement:
    """Figures of one part of the data in one tier."""

    part: Part
    tier: Tier
    evaluation: Evaluation

    @property
    def title(self) -> str:
        """Pictures, split and tier of the measurement."""
        return f"{self.part.title}, {self.tier} tier"

    @property
    def slug(self) -> str:
        """Name of the measurement in file names."""
        return f"{self.part.slug}-{self.tier}"


@dataclass(frozen=True, slots=True)
class Report:
    """All measurements of a run.

    Attributes:
        model: name of the model.
        rule: its verdict rule.
        scorers: every model that answered, by its name on the command line.
        measurements: part by part, within each tier by tier.
        probes: results of the leak probes, if requested.
    """

    model: Scorer
    rule: VerdictRule
    scorers: Mapping[str, Scorer]
    measurements: tuple[Measurement, ...]
    probes: tuple[LeakProbe, ...] = ()

    @property
    def by_part(self) -> list[list[Measurement]]:
        """Measurements of each part, one for each tier."""
        return [
            list(measurements)
            for _, measurements in groupby(self.measurements, key=lambda one: one.part.slug)
        ]
