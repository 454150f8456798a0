"""A statement found in a file, and the origin that several of them amount to."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..results import Origin, OriginGrade, Provenance

MAX_TOKENS = 16
"""Most tokens in ``Provenance.evidence``; a file of the usual writers has at most five."""

_STRONGEST = (Origin.AI, Origin.AI_EDITED, Origin.CAMERA, Origin.OTHER)
"""The first that any statement makes is the origin: AI wins over a camera, whose metadata
survive many edits."""

_BEST = (OriginGrade.SIGNED, OriginGrade.INTACT, OriginGrade.CLAIMED, OriginGrade.BROKEN)


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement found in a file.

    Attributes:
        token: short text for the evidence column; never text from the file.
        origin: what the statement says.
        grade: how strong it is.
        details: texts from the file that it rests on, by name; they can be private.
    """

    token: str
    origin: Origin
    grade: OriginGrade = OriginGrade.CLAIMED
    details: dict[str, object] = field(default_factory=dict)


def combined(findings: Iterable[Finding]) -> Provenance:
    """Return the origin that statements amount to, with the best grade among its own."""
    found = tuple(findings)
    if len(found) == 1:
        # Of most files that state anything, such as photographs.
        return Provenance(found[0].origin, found[0].grade, (found[0].token,))
    stated = {finding.origin for finding in found}
    origin = next((origin for origin in _STRONGEST if origin in stated), Origin.UNKNOWN)
    grades = [finding.grade for finding in found if finding.origin is origin]
    # The deciding statements come first, so that a cut list still explains its origin.
    ordered = sorted(found, key=lambda finding: finding.origin is not origin)
    tokens = tuple(dict.fromkeys(finding.token for finding in ordered))[:MAX_TOKENS]
    grade = min(grades, key=_BEST.index, default=OriginGrade.NONE)
    return Provenance(origin, grade, tokens)


def weaker(one: OriginGrade, other: OriginGrade) -> OriginGrade:
    """Return the weaker of two grades."""
    return max(one, other, key=_BEST.index)
