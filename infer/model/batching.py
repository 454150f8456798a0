"""A model at the size of a scan's batches, put together the same way wherever pictures are scanned.

On CUDA full batches go through lanes, elsewhere through the session itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import OutOfMemoryError, ProviderError
from ..images.preprocess import PixelArray
from .cuda import Allocate, Lanes, batch_memory
from .file import ModelFile
from .providers import Device, threads_of_operators
from .self_test import check_known_answer
from .session import Classifier, Session, open_session
from .signature import FloatArray
from .spec import ModelSpec

Tell = Callable[[str], None]
"""Takes one line for the person who watches."""


@dataclass(frozen=True, slots=True)
class BatchedModel:
    """What a scan needs of a model.

    Attributes:
        session: the model, for batches of any size.
        classifier: takes the scan's batches; as many threads may share it as are in flight.
        allocate: makes the buffers of the batches.
    """

    session: Session
    classifier: Classifier
    allocate: Allocate


def open_for_batches(
    model: ModelFile,
    device: Device,
    threads: int,
) -> Session:
    """A session for scans, in which several batches share the threads.

    Args:
        model: a verified file.
        device: as for ``open_session``.
        threads: of the model on the CPU, all together; at least 1.

    Raises:
        ProviderError: ONNX Runtime or the device cannot be had, or computes wrong answers.
        ModelError: ONNX Runtime refuses the model, or its answer is no probability.
    """
    return open_session(model, device, threads_of_operators(device, threads))


def in_batches(
    session: Session, batch_size: int, batches_in_flight: int, tell: Tell
) -> BatchedModel:
    """Bring a model to the size of a scan's batches, or to a smaller one that it has memory for.

    It judges the built-in picture in every slot, so that what a device needs is allocated here.

    Args:
        session: open.
        batch_size: pictures in a full batch.
        batches_in_flight: batches that the model works on at once.
        tell: is told what could not be had, now or while the scan goes on, from any thread.

    Raises:
        ProviderError: the device failed, or computes wrong answers.
        ModelError: an answer is no probability.
    """
    classifier = SmallerBatches(
        _in_lanes(session, batch_size, batches_in_flight, tell) or session,
        lambda size, reason: tell(f"going on with batches of {size}, because {reason}"),
    )
    check_known_answer(session.model, session.provider, classifier.run, batch_size)
    return BatchedModel(session, classifier, batch_memory(session.device))


def _in_lanes(
    session: Session, batch_size: int, batches_in_flight: int, tell: Tell
) -> Lanes | None:
    """On CUDA, full batches as graphs; ``None`` on other devices, or where that fails."""
    # CUDA leaves the conversions of a quantized model to the CPU, and then captures nothing.
    if session.device is not Device.CUDA or session.spec.precision == "int8":
        return None
    open_one = partial(open_session, session.model, session.device, 1, cuda_graphs=True)
    try:
        return Lanes(session, open_one, batch_size, batches_in_flight)
    except ProviderError as error:
        tell(f"going on without CUDA graphs, because {error}")
        return None


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
