"""A model that costs nothing, for measuring the stages before it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from trustthepixels.infer.results import Verdict, VerdictLabel

_SIZE = (224, 224)


class _NoModel:
    # Earlier checkouts ask for the size alone, and have no type of shapes.
    spec = SimpleNamespace(
        input_size=_SIZE,
        input_shape=SimpleNamespace(
            height=224, width=224, size=_SIZE, axes=(*_SIZE, 3), views=("whole",)
        ),
    )

    def run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.full(len(images), 0.5, np.float32)


def _no_verdict(p_ai: float, _doubt: object = None) -> Verdict:
    return Verdict(VerdictLabel.UNSURE, float(p_ai))


# Any, because earlier checkouts ask for other types.
NO_MODEL: Any = _NoModel()
NO_VERDICT: Any = _no_verdict
