"""What one run of ``trustthepixels evaluate`` found, as every form of its report reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from trustthepixels.infer.model.verdicts import VerdictRule

from ..pictures.tiers import Tier
from .figures import Evaluation
from .leak_probe import LeakProbe
from .parts import Part, Portion
from .scorer import Scorer


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of one part of the data in one tier."""

    part: Part
    tier: Tier
    evaluation: Evaluation

    @property
    def title(self) -> str:
        """Which pictures, which split, which tier."""
        return f"{self.part.title}, {self.tier} tier"

    @property
    def slug(self) -> str:
        """Its name in file names."""
        return f"{self.part.slug}-{self.tier}"


@dataclass(frozen=True, slots=True)
class Report:
    """All measurements of a run.

    Attributes:
        model: the model that was asked about.
        rule: its verdict rule.
        scorers: every model that answered, as it was named on the command line.
        measurements: part by part, within each tier by tier.
        probes: what file facts give away, if that was asked.
    """

    model: Scorer
    rule: VerdictRule
    scorers: Mapping[str, Scorer]
    measurements: tuple[Measurement, ...]
    probes: tuple[LeakProbe, ...] = ()

    @property
    def by_part(self) -> list[list[Measurement]]:
        """The measurements of each part, one a tier."""
        return [
            list(measurements)
            for _, measurements in groupby(self.measurements, key=lambda one: one.part.slug)
        ]

    def was_trained_apart(self, portion: Portion) -> bool | None:
        """Whether the model was provably trained with splits that leave these pictures out.

        ``None`` where nothing is known about the splits, as of an external data set.
        """
        if not portion.fingerprint:
            return None
        return portion.fingerprint == self.scorers[portion.model].spec.data_fingerprint
