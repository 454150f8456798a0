"""Request of a report: what to read, where to write, and which pictures to show."""

from dataclasses import dataclass
from enum import Enum, auto

from ..choices import DEFAULT_MODEL, Existing, Trust
from ..images.limits import DEFAULT_LIMITS, Isolation, Limits

PICTURES = 200
"""Default number of pictures of each kind on a page."""


class ModelSource(Enum):
    """Origin of the knowledge about the model behind rows, which do not name it themselves."""

    SCAN = auto()
    """The scan itself, which has just ended."""
    GUESS = auto()
    """Options or their defaults, to be compared with the verdicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """Request of a report.

    Attributes:
        rows: path of a finished output.
        out: path of the page.
        existing: policy for a page that exists.
        pictures: most pictures of each kind.
        folder: folder in which the scan ran, for relative paths; ``None`` for the present one.
        model: name or file of the model.
        trust: policy for a model file that does not match its digest.
        model_source: origin of ``model`` and the thresholds.
        false_positive_rate: operating point; ``None`` for the model's own.
        threshold: ``p_ai`` from which the verdict is ``ai``, instead of an operating point.
        unsure: ``False`` for two verdicts.
        limits: limits on what one file may cost.
        memory: bytes for all files being decoded; ``None`` for the default.
        isolation: files that are decoded in separate processes.
    """

    rows: str
    out: str
    existing: Existing = Existing.REFUSE
    pictures: int = PICTURES
    folder: str | None = None
    model: str = DEFAULT_MODEL
    trust: Trust = Trust.VERIFIED
    model_source: ModelSource = ModelSource.GUESS
    false_positive_rate: float | None = None
    threshold: float | None = None
    unsure: bool = True
    limits: Limits = DEFAULT_LIMITS
    memory: int | None = None
    isolation: Isolation = Isolation.ODD
