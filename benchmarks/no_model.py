"""A model that costs nothing, for measuring the stages before it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trustthepixels.infer.results import Verdict, VerdictLabel


@dataclass(frozen=True)
class _Spec:
    input_size: tuple[int, int] = (224, 224)


class _NoModel:
    spec = _Spec()

    def run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.full(len(images), 0.5, np.float32)


def _no_verdict(p_ai: float, _doubt: object = None) -> Verdict:
    return Verdict(VerdictLabel.UNSURE, float(p_ai))


# Any, because earlier checkouts ask for other types.
NO_MODEL: Any = _NoModel()
NO_VERDICT: Any = _no_verdict
