"""Verdicts of calibrated probabilities: operating points, thresholds, the rule in force."""

import math
from dataclasses import dataclass

from ..errors import UsageError
from ..results import P_AI_DECIMALS, Doubt, Verdict, VerdictLabel


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold on ``p_ai`` and the share of photographs that reach it (0 to 1)."""

    false_positive_rate: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Values of ``p_ai`` at which the verdict changes.

    Attributes:
        ai: operating points; ``p_ai`` at or above the threshold of the one in force is ``ai``.
        default_false_positive_rate: rate of the operating point that is in force by default.
        real: ``p_ai`` below it is ``real``; ``p_ai`` between the two is ``unsure``.
    """

    ai: tuple[OperatingPoint, ...]
    default_false_positive_rate: float
    real: float

    def ai_threshold(self, false_positive_rate: float | None = None) -> float:
        """Return ``p_ai`` from which the verdict is ``ai`` at an operating point.

        Args:
            false_positive_rate: rate of the operating point; ``None`` for the default one.

        Raises:
            UsageError: the model has no such operating point.
        """
        if false_positive_rate is None:
            false_positive_rate = self.default_false_positive_rate
        for point in self.ai:
            if math.isclose(point.false_positive_rate, false_positive_rate):
                return point.threshold
        known = ", ".join(str(point.false_positive_rate) for point in self.ai)
        raise UsageError(
            f"this model has no operating point for a false positive rate of "
            f"{false_positive_rate}; use {known}"
        )


@dataclass(frozen=True, slots=True)
class VerdictRule:
    """The two thresholds in force during one run.

    Attributes:
        ai: ``p_ai`` at or above it is ``ai``.
        real: ``p_ai`` below it is ``real``; never above ``ai``. Values between are ``unsure``.
        has_unsure: if true, pictures with a doubt are ``unsure``; if not, a doubt has no effect.
    """

    ai: float
    real: float
    has_unsure: bool = True

    def __call__(self, p_ai: float, doubt: Doubt | None = None) -> Verdict:
        """Return the verdict of a calibrated probability, which is rounded to ``P_AI_DECIMALS``.

        A doubt makes the verdict ``unsure``, unless the rule has two verdicts only.
        """
        p_ai = round(float(p_ai), P_AI_DECIMALS)
        return Verdict(self._label(p_ai, doubt), p_ai, doubt)

    def _label(self, p_ai: float, doubt: Doubt | None) -> VerdictLabel:
        if doubt is not None and self.has_unsure:
            return VerdictLabel.UNSURE
        if p_ai >= self.ai:
            return VerdictLabel.AI
        return VerdictLabel.REAL if p_ai < self.real else VerdictLabel.UNSURE
