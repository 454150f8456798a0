"""Evaluation as one page that needs no other file, no network and no script."""

import base64
import io
import math
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from PIL import Image

from trustthepixels.infer.report.style import page_style

from ..evaluation.figures import SourceResult
from ..evaluation.goals import Direction, TargetResult, check_targets
from ..evaluation.measurement import Measurement, Report
from ..metrics.bootstrap import CONFIDENCE, RESAMPLES
from ..metrics.titles import TITLES, interval_text, value_text
from .style import NAMES
from .text import trained_on_text

_TEMPLATE = "report.html.jinja"
_GLANCE = (
    "balanced_accuracy",
    "auc",
    "tpr_at_fpr_5pct",
    "false_positive_rate_verdict",
    "confident_mistakes",
    "expected_calibration_error",
    "coverage",
    "accuracy_when_sure",
)
_AXIS_START, _AXIS_LENGTH = 4.0, 112.0
_COLOURS = 128


def write_html(path: Path, report: Report) -> None:
    """Write the page; its pictures exist already."""
    # Texts come from manifests and file names, so all of them are escaped.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(files(__package__).joinpath(_TEMPLATE).read_text("utf-8"))
    page = template.render(
        report=report,
        style=page_style(),
        targets=check_targets(report),
        titles=TITLES,
        glance=_GLANCE,
        names=NAMES,
        confidence=f"{CONFIDENCE:.0%}",
        resamples=RESAMPLES,
        value_text=value_text,
        interval_text=interval_text,
        trained_on=trained_on_text,
        source_in=_source_in,
        picture=lambda name: data_uri(path.parent / name),
        top=_top,
        x=lambda share: f"{_AXIS_START + _AXIS_LENGTH * share:.1f}",
    )
    path.write_text(page + "\n", encoding="utf-8")


def data_uri(picture: Path) -> str:
    """Return a drawing inline: one with few colours as PNG, one with photographs as JPEG."""
    stream = io.BytesIO()
    with Image.open(picture) as image:
        opaque = image.convert("RGB")
    kind = "jpeg" if picture.stem.endswith("-mistakes") else "png"
    if kind == "jpeg":
        opaque.save(stream, "JPEG", quality=85)
    else:
        opaque.quantize(_COLOURS).save(stream, "PNG", optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


def _top(result: TargetResult) -> float:
    """Return the end of a goal's axis, chosen so that a small bound differs visibly from 0."""
    if result.goal.direction is Direction.AT_LEAST or result.estimate is None:
        return 1.0
    ends = (result.estimate.value, result.estimate.high)
    return max(2.0 * result.goal.bound, *(end for end in ends if not math.isnan(end)))


def _source_in(measurement: Measurement, wanted: SourceResult) -> SourceResult | None:
    """Return a source and class in another tier, if any of its pictures could be scored."""
    for result in measurement.evaluation.sources:
        if (result.label, result.source) == (wanted.label, wanted.source):
            return result
    return None
