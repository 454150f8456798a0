"""Contact sheet of a model's most confident mistakes, with labels."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import ImageOps

from ..evaluation.figures import Evaluation
from ..evaluation.predictions import Prediction
from ..pictures.load import load_image
from ..pictures.tiers import Tier
from .style import COLOURS, GREY, NAMES

MAX_PICTURES = 24
_COLUMNS = 6
_THUMBNAIL = 320
_CELL_INCHES = 2.1
_MAX_CAPTION = 30


def worst_mistakes(evaluation: Evaluation, count: int = MAX_PICTURES) -> list[Prediction]:
    """Return the pictures on the wrong side of 0.5, most confident first, then by file name."""
    wrong = [
        (-abs(p.verdict.p_ai - 0.5), p.sample.file, p)
        for p in evaluation.predictions
        if p.verdict is not None and (p.verdict.p_ai >= 0.5) != (p.sample.label == "ai")
    ]
    return [prediction for _, _, prediction in sorted(wrong, key=lambda item: item[:2])[:count]]


def draw_contact_sheet(mistakes: Sequence[Prediction], tier: Tier, title: str, path: Path) -> None:
    """Draw the pictures in their tier, each with its true label and ``p_ai``.

    Args:
        mistakes: result of ``worst_mistakes``; an empty one draws a sheet with a message.
        tier: tier of the pictures.
        title: title of the evaluation.
        path: PNG to write.
    """
    rows = max(1, -(-len(mistakes) // _COLUMNS))
    size = (_CELL_INCHES * _COLUMNS, 0.9 + (_CELL_INCHES + 0.62) * rows)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(
        f"Most confident mistakes: {title}\nframes and first lines give the truth, p_ai the answer",
        fontsize=12,
        x=0.01,
        ha="left",
    )
    cells = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for cell in cells:
        cell.set_axis_off()
    for cell, mistake in zip(cells, mistakes, strict=False):
        _draw(cell, mistake, tier)
    if not mistakes:
        figure.text(0.5, 0.4, "no picture was misclassified", ha="center", fontsize=12, color=GREY)
    figure.savefig(path, dpi=110)


def _draw(cell: Axes, mistake: Prediction, tier: Tier) -> None:
    sample, verdict = mistake.sample, mistake.verdict
    assert verdict is not None
    picture = load_image(sample.path, tier)
    thumbnail = ImageOps.pad(picture, (_THUMBNAIL, _THUMBNAIL), color="white")
    cell.imshow(thumbnail)
    cell.set_axis_on()
    cell.set(xticks=[], yticks=[])
    for spine in cell.spines.values():
        spine.set(color=COLOURS[sample.label], linewidth=3)
    cell.set_title(
        f"{NAMES[sample.label]}, p_ai {verdict.p_ai:.3f}",
        fontsize=9,
        color=COLOURS[sample.label],
        fontweight="bold",
    )
    name = sample.path.name
    short = name if len(name) <= _MAX_CAPTION else f"{name[: _MAX_CAPTION - 1]}…"
    cell.set_xlabel(f"{sample.source}\n{short}" if sample.source else short, fontsize=7, color=GREY)
