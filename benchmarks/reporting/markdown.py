"""Tables and figures in Markdown."""

from collections.abc import Iterable, Sequence

from ..series import median, spread


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first are right-aligned."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def figure(values: Sequence[float], digits: int = 1) -> str:
    """Return the median and half the spread as text."""
    if len(values) < 2:
        return f"{values[0]:,.{digits}f}"
    return f"{median(values):,.{digits}f} ± {spread(values) / 2:.0%}"
