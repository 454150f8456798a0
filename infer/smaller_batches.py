"""A device that runs out of memory gets smaller batches, and the user is told."""

from collections.abc import Callable

import numpy as np

from .errors import OutOfMemoryError
from .images.preprocess import PixelArray
from .session import Classifier
from .signature import FloatArray
from .spec import ModelSpec


class SmallerBatches:
    """A session whose batches are halved for good whenever one does not fit into memory.

    Threads may share it. A slot's answer does not depend on its batch beyond the last bits of a
    float.

    Args:
        session: of the model, or lanes of it.
        on_smaller: is told the new size and the device's words, each time.
    """

    def __init__(self, session: Classifier, on_smaller: Callable[[int, str], None]) -> None:
        self._session = session
        self._on_smaller = on_smaller
        self._largest: int | None = None

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self._session.spec

    def run(self, images: PixelArray) -> FloatArray:
        """Like ``Session.run``, in as many parts as it takes.

        Raises:
            OutOfMemoryError: not even one picture fits.
            ModelError: the model gave something that is no probability.
            ProviderError: the device failed otherwise.
        """
        done: list[FloatArray] = []
        at = 0
        while at < len(images):
            part = images[at : at + (self._largest or len(images))]
            try:
                done.append(self._session.run(part))
            except OutOfMemoryError as error:
                if len(part) == 1:
                    raise
                halved = len(part) // 2
                self._largest = min(self._largest or halved, halved)
                self._on_smaller(self._largest, str(error))
            else:
                at += len(part)
        return np.concatenate(done) if len(done) != 1 else done[0]
