"""Plain values that a scan returns: statuses, verdicts, rows."""

import re
from dataclasses import dataclass
from enum import StrEnum

_ADDRESS = re.compile(rb"(?:s3|gs|az|https?)://")


def is_address(path: bytes) -> bool:
    """Return whether a path of an argument or a row names objects of a store, and no files."""
    return _ADDRESS.match(path) is not None


class FileStatus(StrEnum):
    """Outcome of one file; every value but ``OK`` leaves the verdict empty."""

    OK = "ok"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    UNREADABLE = "unreadable"
    VANISHED = "vanished"
    """It went between being found and being read."""
    MISSING = "missing"
    """It was named, and is not there."""


class VerdictLabel(StrEnum):
    """The three possible answers for a picture."""

    AI = "ai"
    UNSURE = "unsure"
    REAL = "real"


MIN_SIDE = 64
"""Pixels of the shorter side; below it a picture is too small for a verdict."""


class Doubt(StrEnum):
    """Reason why a picture is ``unsure`` at any ``p_ai``; its ``str`` is the row's note."""

    TINY = f"doubt: a side of fewer than {MIN_SIDE} pixels"
    UNIFORM = "doubt: almost uniform"
    TEXT = "doubt: looks like text or a line drawing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one picture.

    Attributes:
        label: ``ai``, ``unsure`` or ``real``, from ``p_ai`` and the thresholds in force.
        p_ai: calibrated probability that the picture is AI-generated, 0 to 1.
        doubt: reason why the picture itself allows no verdict; mostly ``None``.
    """

    label: VerdictLabel
    p_ai: float
    doubt: Doubt | None = None


class Origin(StrEnum):
    """Origin of a picture as its own metadata states it; never a verdict."""

    UNKNOWN = ""
    """The metadata state nothing, which proves nothing."""
    AI = "ai"
    AI_EDITED = "ai-edited"
    CAMERA = "camera"
    OTHER = "other"
    """The metadata state something, but neither AI nor a camera."""


class OriginGrade(StrEnum):
    """Strength of the evidence for an origin, best first."""

    SIGNED = "signed"
    """Intact content credentials of a signer on the trust list."""
    INTACT = "intact"
    """Hash and signature hold; the signer is unknown or the certificate expired."""
    CLAIMED = "claimed"
    """Plain metadata, or content credentials that were not checked."""
    BROKEN = "broken"
    """Content credentials that do not fit the file."""
    NONE = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Statements of a file about its own origin.

    Attributes:
        origin: what the statements amount to.
        grade: the best grade of the statements that decide ``origin``.
        evidence: short tokens of a closed vocabulary; no prompt and no name of a person.
        details: everything that was read, as one JSON object, if asked for; else empty.
    """

    origin: Origin = Origin.UNKNOWN
    grade: OriginGrade = OriginGrade.NONE
    evidence: tuple[str, ...] = ()
    details: str = ""


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One row of a scan: exactly one for each image file.

    Attributes:
        path: the path as the user would type it, undecodable bytes as surrogate escapes.
        status: outcome of the file.
        verdict: the answer; ``None`` if ``status`` is not ``ok``.
        width: pixels after EXIF orientation; ``None`` if no header was read.
        height: pixels after EXIF orientation; ``None`` if no header was read.
        format: format of the content (``JPEG``, ``PNG``, …), not of the name; may be empty.
        bytes: size of the file; ``None`` if unknown.
        error: one line of reason if ``status`` is not ``ok``, else empty.
        note: one line that qualifies a verdict, such as a ``Doubt``; mostly empty.
        provenance: statements of the file about its origin; ``None`` if they were not read.
    """

    path: str
    status: FileStatus
    verdict: Verdict | None = None
    width: int | None = None
    height: int | None = None
    format: str = ""
    bytes: int | None = None
    error: str = ""
    note: str = ""
    provenance: Provenance | None = None

    def judged(self, verdict: Verdict) -> "ScanRow":
        """Return this row with a verdict; quicker than ``dataclasses.replace``."""
        return ScanRow(
            self.path,
            self.status,
            verdict,
            self.width,
            self.height,
            self.format,
            self.bytes,
            self.error,
            self.note,
            self.provenance,
        )


LABELS = ("real", "ai")
"""Class names in the order of the logits."""


P_AI_DECIMALS = 6
"""Digits of ``p_ai`` in every verdict. The label follows from the same digits: a row is consistent
in itself, and float noise below them changes nothing."""
