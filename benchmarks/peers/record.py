"""Record of a contestant: its answers, and their number over time."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

_TOGETHER_S = 1e-3


class Record:
    """Answers and times of one contestant, written at its end.

    Attributes:
        stamps: pairs of the number of answers and the time in seconds.

    Args:
        out: path of the JSON file.
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
    """Return images per second over the last three quarters of the answers.

    The start does not count, nor do the first batches, while queues fill.

    Args:
        stamps: pairs of the number of answers and the time in seconds, rising.

    Raises:
        ValueError: there are too few answers for a rate.
    """
    total, end = stamps[-1]
    quarter = next(at for done, at in stamps if done >= total / 4)
    # The answers of one batch arrive together, so those of this batch do not count either.
    begun = max(done for done, at in stamps if at <= quarter + _TOGETHER_S)
    if begun == total:
        raise ValueError(f"{total} answers are too few for a rate in steady state")
    return (total - begun) / (end - quarter)
