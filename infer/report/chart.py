"""Histogram of ``p_ai`` as SVG, with the limits of the verdicts."""

from collections.abc import Iterator

from ..model.verdicts import VerdictRule
from ..results import VerdictLabel
from .tally import BINS, Tally

_LEFT, _WIDTH, _TOP, _HEIGHT = 12, 700, 52, 150
_BOTTOM = _TOP + _HEIGHT
_LABEL_WIDTH = 190
"""Room for a limit's label in the larger letters of a narrow window."""

_STACK = (VerdictLabel.REAL, VerdictLabel.UNSURE, VerdictLabel.AI)
"""Verdicts from the bottom of a bar to its top."""


def histogram(tally: Tally, rule: VerdictRule | None) -> str:
    """Return the drawing as an ``svg`` element.

    Args:
        tally: pictures by verdict and bar.
        rule: limits to mark; ``None`` marks none.
    """
    parts = [
        f'<svg class="histogram" viewBox="0 0 {_WIDTH + 2 * _LEFT} {_BOTTOM + 30}" role="img" '
        'aria-labelledby="histogram-title histogram-text">',
        '<title id="histogram-title">Histogram of p_ai</title>',
        f'<desc id="histogram-text">{_in_words(tally, rule)}</desc>',
        *_bars(tally),
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{_BOTTOM}" y2="{_BOTTOM}"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        anchor = "start" if tick == 0 else "end" if tick == 1 else "middle"
        parts.append(_text(_x(tick), _BOTTOM + 22, f"{tick:g}", anchor))
    if rule is not None:
        parts += _limits(rule)
    parts.append("</svg>")
    return "\n".join(parts)


def largest_bar(tally: Tally) -> int:
    """Return the number of pictures in the largest bar."""
    return max(map(sum, zip(*tally.bins.values(), strict=True)))


def _bars(tally: Tally) -> Iterator[str]:
    scale = _HEIGHT / max(1, largest_bar(tally))
    width = _WIDTH / BINS
    for place in range(BINS):
        y = float(_BOTTOM)
        for label in _STACK:
            count = tally.bins[label.value][place]
            if not count:
                continue
            # A single picture among many must not be invisible.
            height = max(1.0, count * scale)
            y -= height
            yield (
                f'<rect class="{label.value}" x="{_LEFT + place * width + 0.5:.1f}" y="{y:.1f}" '
                f'width="{width - 1:.1f}" height="{height:.1f}"/>'
            )


def _limits(rule: VerdictRule) -> Iterator[str]:
    if rule.real < rule.ai:
        anchor = "start" if rule.real * _WIDTH < _LABEL_WIDTH else "end"
        yield _limit(rule.real, f"real below {rule.real:.4g}", 16, anchor)
    anchor = "end" if (1 - rule.ai) * _WIDTH < _LABEL_WIDTH else "start"
    yield _limit(rule.ai, f"ai from {rule.ai:.4g}", 40, anchor)


def _limit(p_ai: float, label: str, y: int, anchor: str) -> str:
    x = _x(p_ai)
    beside = x + (5 if anchor == "start" else -5)
    line = f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 12}" y2="{_BOTTOM}"/>'
    return line + _text(beside, y, label, anchor)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _x(p_ai: float) -> float:
    return _LEFT + p_ai * _WIDTH


def _in_words(tally: Tally, rule: VerdictRule | None) -> str:
    """Return the shape of the histogram for people who do not see it."""
    counts = [sum(one) for one in zip(*tally.bins.values(), strict=True)]
    fifth = BINS // 5
    shares = [sum(counts[start : start + fifth]) for start in range(0, BINS, fifth)]
    names = ("0 to 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1")
    text = "; ".join(f"{count:,} from {name}" for name, count in zip(names, shares, strict=True))
    if rule is None:
        return f"Pictures by p_ai: {text}."
    return f"Pictures by p_ai: {text}. ai from {rule.ai:.4g}, real below {rule.real:.4g}."
