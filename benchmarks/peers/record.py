"""What every contestant leaves behind: its answers, and when it had how many of them."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

_TOGETHER_S = 1e-3


class Record:
    """Answers and times of one contestant, written at its end.

    Attributes:
        stamps: how many answers there were at which time, in seconds.

    Args:
        out: the JSON file.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._margins: dict[str, float] = {}
        self.stamps: list[tuple[int, float]] = []

    def add(self, path: str | Path, margin: float) -> None:
        """Note the answer for one picture: ``logit_ai - logit_real``, before calibration."""
        self._margins[Path(path).name] = margin
        self.stamps.append((len(self._margins), time.perf_counter()))

    def write(self) -> None:
        """Write everything."""
        self._out.write_text(json.dumps({"margins": self._margins, "stamps": self.stamps}))


def steady_rate(stamps: Sequence[tuple[int, float]]) -> float:
    """Images per second over the last three quarters of the answers.

    The start is left out, and the first batches, while queues fill.

    Args:
        stamps: how many answers there were at which time in seconds, rising.

    Raises:
        ValueError: there are too few answers to tell.
    """
    total, end = stamps[-1]
    quarter = next(at for done, at in stamps if done >= total / 4)
    # The answers of one batch come together: those that came with this one do not count either.
    begun = max(done for done, at in stamps if at <= quarter + _TOGETHER_S)
    if begun == total:
        raise ValueError(f"{total} answers are too few for a rate in steady state")
    return (total - begun) / (end - quarter)
