"""Pictures side by side with their verdicts, drawn with Pillow alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from ..model.verdicts import VerdictRule
from ..results import Verdict, VerdictLabel

COLOURS = {
    VerdictLabel.AI: "#c2410c",
    VerdictLabel.UNSURE: "#6b7280",
    VerdictLabel.REAL: "#1d4ed8",
}
"""Orange, grey and blue: every kind of colour vision can tell them apart."""

_TINTS = {
    VerdictLabel.AI: "#fbd9c5",
    VerdictLabel.UNSURE: "#e5e7eb",
    VerdictLabel.REAL: "#cfdcfb",
}
_PAPER, _CARD, _MAT, _LINE = "#f1f3f5", "#ffffff", "#e9ecef", "#dee2e6"
_INK, _FAINT, _FAILED = "#1f2328", "#6b7280", "#b42318"

_SCALE = 2
"""Everything is drawn at twice its size and reduced, because Pillow does not smooth its shapes."""

_GAP, _PADDING, _PHOTO, _TEXT = 24, 20, 320, 164
_WIDTH, _HEIGHT = _PHOTO + 2 * _PADDING, _PHOTO + _TEXT + 2 * _PADDING
_COLUMNS = 4

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a figure.

    Attributes:
        name: caption of the picture.
        picture: its pixels; ``None`` if they could not be decoded.
        verdict: the answer; ``None`` if there is none.
        true_label: ``ai`` or ``real`` if known, else empty.
        failure: reason why there is no verdict.
    """

    name: str
    picture: Image.Image | None = None
    verdict: Verdict | None = None
    true_label: str = ""
    failure: str = ""

    @property
    def is_right(self) -> bool | None:
        """True if the verdict equals the true label; ``None`` if either is open."""
        if self.verdict is None or not self.true_label:
            return None
        if self.verdict.label is VerdictLabel.UNSURE:
            return None
        return self.verdict.label.value == self.true_label


def percent(probability: float) -> str:
    """Return a probability for people: one decimal, and never a certainty."""
    if probability > 0.9995:
        return "> 99.9 %"
    if probability < 0.0005:
        return "< 0.1 %"
    return f"{probability:.1%}".replace("%", " %")


def draw_figure(panels: Sequence[Panel], rule: VerdictRule) -> Image.Image:
    """Draw panels in rows of at most four.

    Args:
        panels: at least one.
        rule: the thresholds in force; the scale below each picture shows them.

    Returns:
        An RGB picture.
    """
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    width = columns * (_WIDTH + _GAP) + _GAP
    height = rows * (_HEIGHT + _GAP) + _GAP
    canvas = Image.new("RGB", (width * _SCALE, height * _SCALE), _PAPER)
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        left, top = _GAP + column * (_WIDTH + _GAP), _GAP + row * (_HEIGHT + _GAP)
        _Card(canvas, left, top).draw(panel, rule)
    return canvas.reduce(_SCALE)


class _Card:
    """Drawing in the coordinates of one card, in final pixels."""

    def __init__(self, canvas: Image.Image, left: int, top: int) -> None:
        self._canvas = canvas
        self._pen = ImageDraw.Draw(canvas)
        self._left, self._top = left, top

    def draw(self, panel: Panel, rule: VerdictRule) -> None:
        self._box((0, 0, _WIDTH, _HEIGHT), _CARD, radius=14, outline=_LINE)
        self._box((_PADDING, _PADDING, _PADDING + _PHOTO, _PADDING + _PHOTO), _MAT, radius=8)
        if panel.picture is not None:
            self._photo(panel.picture)
        below = _PADDING + _PHOTO + 16
        if panel.verdict is None:
            self._text((_PADDING, below), "no verdict", 26, _FAILED)
            self._text((_PADDING, below + 38), panel.failure, 14, _FAINT)
        else:
            colour = COLOURS[panel.verdict.label]
            self._text((_PADDING, below), _headline(panel.verdict), 26, colour)
            likely = f"{percent(panel.verdict.p_ai)} likely AI-generated"
            self._text((_PADDING, below + 38), likely, 16, _INK)
            self._scale(below + 68, panel.verdict, rule)
        if panel.true_label:
            self._truth(below + 100, panel)
        self._text((_PADDING, below + 132), panel.name, 13, _FAINT)

    def _photo(self, picture: Image.Image) -> None:
        """Draw the whole picture in the middle of its square."""
        side = _PHOTO * _SCALE
        ratio = side / max(picture.size)
        size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
        resized = picture.resize(size, Image.Resampling.LANCZOS)
        corner = Image.new("L", size, 0)
        ImageDraw.Draw(corner).rounded_rectangle(
            (0, 0, size[0] - 1, size[1] - 1), radius=8 * _SCALE, fill=255
        )
        x, y = self._at(_PADDING, _PADDING)
        place = (x + (side - size[0]) // 2, y + (side - size[1]) // 2)
        self._canvas.paste(resized, place, corner)

    def _scale(self, top: int, verdict: Verdict, rule: VerdictRule) -> None:
        """Draw a scale of 0 to 1 with the ranges of the three verdicts and a mark at ``p_ai``."""
        ends = {
            VerdictLabel.REAL: (0.0, rule.real),
            VerdictLabel.UNSURE: (rule.real, rule.ai),
            VerdictLabel.AI: (rule.ai, 1.0),
        }
        for label, (start, end) in ends.items():
            if end > start:
                left, right = (_PADDING + share * _PHOTO for share in (start, end))
                self._box((left, top + 5, right, top + 13), _TINTS[label])
        mark = _PADDING + verdict.p_ai * _PHOTO
        colour = COLOURS[verdict.label]
        self._box((mark - 9, top, mark + 9, top + 18), colour, radius=9, outline=_CARD)

    def _truth(self, top: int, panel: Panel) -> None:
        names = {"ai": "AI-generated", "real": "a photograph"}
        text = f"labelled {names.get(panel.true_label, panel.true_label)}"
        right = panel.is_right
        if right is None:
            self._text((_PADDING, top), text, 16, _INK)
            return
        colour = "#15803d" if right else _FAILED
        x, y = _PADDING, top + 1
        self._box((x, y, x + 18, y + 18), colour, radius=9)
        tick = [(4.5, 9.5), (7.8, 12.8), (13.5, 6)]
        crosses = [[(5.5, 5.5), (12.5, 12.5)], [(12.5, 5.5), (5.5, 12.5)]]
        for stroke in [tick] if right else crosses:
            points = [self._at(x + dx, y + dy) for dx, dy in stroke]
            self._pen.line(points, fill=_CARD, width=2 * _SCALE, joint="curve")
        self._text((x + 26, top), text, 16, _INK)

    def _text(self, at: tuple[float, float], text: str, size: int, colour: str) -> None:
        font = ImageFont.load_default(size * _SCALE)
        room = _PHOTO * _SCALE
        self._pen.text(self._at(*at), shortened(text, font, room), fill=colour, font=font)

    def _box(
        self,
        box: tuple[float, float, float, float],
        fill: str,
        radius: int = 0,
        outline: str | None = None,
    ) -> None:
        left, top, right, bottom = box
        corners = (*self._at(left, top), *self._at(right, bottom))
        width = _SCALE if outline else 0
        self._pen.rounded_rectangle(corners, radius * _SCALE, fill, outline, width)

    def _at(self, x: float, y: float) -> tuple[int, int]:
        return round((self._left + x) * _SCALE), round((self._top + y) * _SCALE)


def shortened(text: str, font: Font, room: float) -> str:
    """Return the text, without its middle if it is wider than ``room`` pixels."""
    if font.getlength(text) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head = text[: -(-kept // 2)]
        candidate = f"{head}…{text[len(text) - kept // 2 :]}"
        if font.getlength(candidate) <= room:
            return candidate
    return "…"


def _headline(verdict: Verdict) -> str:
    return {
        VerdictLabel.AI: "AI-generated",
        VerdictLabel.UNSURE: "Unsure",
        VerdictLabel.REAL: "Photograph",
    }[verdict.label]
