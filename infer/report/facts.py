"""Facts about the scan behind rows: what was scanned, by which model, with which limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..model.bundled import bundled_models, load_model
from ..model.file import ModelFile
from ..model.verdicts import VerdictRule
from ..output.finished import FinishedRows
from ..output.run_identity import RunIdentity
from .request import ModelSource, ReportRequest
from .tally import Tally

_BUNDLED_LIMITS = (
    "On sources that it never saw, 96 % of the default model's verdicts are right, on matched "
    "pairs of photographs and imitations 69 %; the edge model is much weaker. "
    "A verdict is a reason to look, never proof."
)
"""Source of the figures: ``MODEL_CARD.md``."""

_OTHER_LIMITS = (
    "How well this model does on pictures like yours is known only if you measured it, with "
    "trustthepixels evaluate. A verdict is a reason to look, never proof."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts for the head of a page.

    Attributes:
        scanned: what was scanned, in words.
        model: model, and how it is known.
        caution: limits of the model in two sentences.
        rule: thresholds in force; ``None`` if they are unknown.
        doubt: reason why model and thresholds are unknown; mostly empty.
    """

    scanned: str
    model: str
    caution: str
    rule: VerdictRule | None
    doubt: str = ""


def gather_facts(request: ReportRequest, rows: FinishedRows, tally: Tally) -> Facts:
    """Return the facts, from the scan itself, from the files next to its rows, or from the rows.

    Raises:
        ModelError: the model that was asked for is missing or damaged.
        UsageError: the model has no such operating point.
        OutputError: the files next to the rows cannot be read.
    """
    identity = rows.identity()
    if identity is not None and (rule := _rule_of(identity)) is not None:
        model = str(identity.values.get("model", ""))
        return Facts(_scanned(tally, identity), model, _caution(model), rule)
    file = load_model(request.model, request.trust)
    rule = file.spec.rule(
        false_positive_rate=request.false_positive_rate,
        threshold=request.threshold,
        unsure=request.unsure,
    )
    scanned = _scanned(tally, None)
    caution = _caution(file.fingerprint)
    if request.model_source is ModelSource.SCAN:
        return Facts(scanned, file.fingerprint, caution, rule)
    fitting = _fitting(request, file, rule, tally)
    if fitting is None:
        doubt = f"the verdicts do not fit the limits of the model {file.spec.name}"
        unknown = f"unknown: {doubt}, and rows do not name their model"
        return Facts(scanned, unknown, _caution(""), None, doubt)
    model = f"{file.fingerprint}; rows do not name their model, but all verdicts fit its limits"
    return Facts(scanned, model, caution, fitting)


def _fitting(
    request: ReportRequest, file: ModelFile, rule: VerdictRule, tally: Tally
) -> VerdictRule | None:
    """Return a rule of a model that can have given all verdicts; ``None`` if there is none."""
    rules = [rule]
    if request.false_positive_rate is None and request.threshold is None:
        rates = [point.false_positive_rate for point in file.spec.thresholds.ai]
        rules += [
            file.spec.rule(false_positive_rate=rate, unsure=unsure)
            for unsure in (request.unsure, not request.unsure)
            for rate in rates
        ]
    return next((one for one in rules if tally.fits(one)), None)


def _rule_of(identity: RunIdentity) -> VerdictRule | None:
    values: Any = identity.values.get("thresholds")
    try:
        return VerdictRule(float(values["ai"]), float(values["real"]), bool(values["has_unsure"]))
    except (TypeError, ValueError, KeyError):
        return None


def _scanned(tally: Tally, identity: RunIdentity | None) -> str:
    paths: Any = None if identity is None else identity.values.get("paths")
    if isinstance(paths, list) and paths:
        return ", ".join(map(str, paths))
    return tally.folder or "files without a common folder"


def _caution(fingerprint: str) -> str:
    """Return what a reader must know about a model; an unknown one may be a bundled one."""
    if not fingerprint or fingerprint in _bundled_fingerprints():
        return _BUNDLED_LIMITS
    return _OTHER_LIMITS


def _bundled_fingerprints() -> Iterator[str]:
    for name in bundled_models():
        yield load_model(name).fingerprint
